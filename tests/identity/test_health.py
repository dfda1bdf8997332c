"""What identity_health says of the graph, keeps of the days before, and warns of."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT, IdentityProject, Mention, new_project

NOON = datetime(2026, 1, 1, 12)
COLUMNS = "metric, identifier_type, detail, position, value, share, profile_id, node_seq"
Rows = dict[tuple[str, str, str], int]


def day(number: int) -> dict[str, str]:
    return {"WEFT_AS_OF": f"2026-01-{number:02d}T23:00:00Z"}


def link(name: str, *identifiers: tuple[str, str]) -> list[Mention]:
    return [("shop", name, kind, value, NOON) for kind, value in identifiers]


def people(count: int) -> list[Mention]:
    """People of two identifiers each."""
    return [
        row for one in range(count) for row in link(f"p{one}", ("user_id", f"u{one}"), ("email", f"{one}@x.example"))
    ]


def ball(size: int) -> list[Mention]:
    """One person whose devices form a chain."""
    return [row for one in range(size) for row in link(f"ball {one}", ("device", f"d{one}"), ("device", f"d{one + 1}"))]


def pairs_of_people(count: int) -> list[Mention]:
    """Links between people who were two before."""
    return [
        row
        for one in range(0, 2 * count, 2)
        for row in link(f"both {one}", ("email", f"{one}@x.example"), ("email", f"{one + 1}@x.example"))
    ]


def placeholders(count: int) -> list[Mention]:
    return [row for one in range(count) for row in link(f"none {one}", ("email", f"noreply@shop{one}.example"))]


def health(project: IdentityProject, number: int) -> Rows:
    rows = project.execute(
        "select metric, identifier_type, detail, value from weft_identity.identity_health "
        f"where measured_on = date '2026-01-{number:02d}'"
    )
    return {(metric, kind, detail): value for metric, kind, detail, value in rows}


def tangle(seed: int) -> list[Mention]:
    """Records that name identifiers at random: people of many sizes, shared and blocked identifiers."""
    chance = random.Random(seed)
    rows = []
    for one in range(900):
        kinds = chance.sample(["user_id", "email", "device", "anonymous_id", "phone"], chance.choice([1, 2, 2, 3]))
        named = [(kind, f"{kind}{int(chance.paretovariate(0.4)) % 700}") for kind in kinds]
        rows += [(chance.choice(["shop", "till"]), f"r{one}", kind, value, NOON) for kind, value in named]
    return [*rows, *placeholders(7), *ball(60)]


def recount(project: IdentityProject) -> Rows:
    """The same numbers, counted in Python from what the other models say."""
    found: Counter[tuple[str, str, str]] = Counter()
    kinds = dict(project.execute("select node_seq, identifier_type from weft_identity.identity_nodes"))
    for kind, reason in project.execute(
        "select identifier_type, null from weft_identity.identity_map union all "
        "select identifier_type, blocked_because from weft_identity.identity_blocked"
    ):
        found["identifiers", "any", "all"] += 1
        found["identifiers_by_type", kind, "all"] += 1
        if reason:
            found["blocked_identifiers", "any", "all"] += 1
            found["blocked_identifiers_by_reason", kind, reason] += 1

    sizes = sorted(Counter(project.people().values()).values())
    found["people", "any", "all"] = len(sizes)
    found["largest_person", "any", "all"] = sizes[-1]
    for name, at in {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}.items():
        found["identifiers_per_person", "any", name] = sizes[-int(-at * len(sizes) // 1) - 1]
    for name, first, last in (
        *(("1", 1, 1), ("2", 2, 2), ("3 to 5", 3, 5), ("6 to 10", 6, 10), ("11 to 25", 11, 25)),
        *(("26 to 100", 26, 100), ("101 to 1000", 101, 1000), ("1001 or more", 1001, 10**9)),
    ):
        found["people_by_size", "any", name] = sum(first <= size <= last for size in sizes)
    components = project.execute("select component_seq from weft_identity.identity_labels")
    found["largest_component", "any", "all"] = max(Counter(components).values())

    shared = dict(
        project.execute("select node_seq, reason from weft_identity.identity_shared where reason is not null")
    )
    found["shared_identifiers", "any", "all"] = len(shared)
    for node, reason in shared.items():
        found["shared_identifiers_by_rule", kinds[node], reason] += 1
    linking: dict[int, set[int]] = {}
    would: dict[int, set[int]] = {node: set() for node in shared}
    edges = (
        "select a, b, is_active from weft_identity.identity_edges where is_active or inactive_reason like 'shared %'"
    )
    for a, b, is_active in project.execute(edges):
        for mine, other in ((a, b), (b, a)):
            if mine in shared:
                would[mine].add(other)
            elif is_active:
                linking.setdefault(mine, set()).add(other)
    for metric, degrees in (("most_connected_identifiers", linking), ("most_connected_shared_identifiers", would)):
        ranked = sorted(((-len(others), node) for node, others in degrees.items()))[:20]
        for place, (count, node) in enumerate(ranked, 1):
            found[metric, kinds[node], str(place)] = -count

    for limit, most in project.execute("select limit_type, limit_max from weft_identity.identity_refusals"):
        found["refusals", "any", "all"] += 1
        found["refusals_by_limit", "any" if most is None else limit, limit if most is None else f"at most {most}"] += 1

    changes = (
        "select kind, count(*) from weft_identity.identity_changes where cast(changed_at as date) = date '2026-01-02'"
    )
    logged = dict(project.execute(f"{changes} group by kind"))
    found["merges", "any", "all"], found["splits", "any", "all"] = logged.get("merge", 0), logged.get("split", 0)
    return {key: value for key, value in found.items() if value or not key[0].endswith("_by_reason")}


@pytest.fixture(scope="module")
def tangled(tmp_path_factory: pytest.TempPathFactory) -> IdentityProject:
    """Two days of records at random."""
    project = new_project(tmp_path_factory.mktemp("tangled"), reports=True)
    rules = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]["identity_rules"]
    rules["email"]["limit"] = 2
    for number in (1, 2):
        project.write(tangle(number))
        project.dbt("build", variables={"identity_rules": rules}, environment=day(number))
    return project


def test_every_number_is_what_a_recount_gives(tangled: IdentityProject) -> None:
    expected = recount(tangled)
    assert expected["merges", "any", "all"]
    assert expected["splits", "any", "all"]
    assert expected["refusals_by_limit", "email", "at most 2"]
    assert expected["shared_identifiers", "any", "all"]
    assert health(tangled, 2) == {key: expected.get(key, 0) for key in health(tangled, 2).keys() | expected.keys()}


def test_shares_are_of_the_whole_that_they_are_a_part_of(tangled: IdentityProject) -> None:
    rows = tangled.execute(f"select {COLUMNS} from weft_identity.identity_health where measured_on = date '2026-01-02'")
    values = health(tangled, 2)
    shares = {(row[0], row[1], row[2]): row[5] for row in rows}
    for (metric, kind, detail), share in shares.items():
        whole = {
            "merges": values["people", "any", "all"],
            "splits": values["people", "any", "all"],
            "people_by_size": values["people", "any", "all"],
            "blocked_identifiers": values["identifiers", "any", "all"],
            "shared_identifiers": values["identifiers", "any", "all"],
            "identifiers_by_type": values["identifiers", "any", "all"],
            "refusals_by_limit": values["refusals", "any", "all"],
            "blocked_identifiers_by_reason": values.get(("identifiers_by_type", kind, "all")),
            "shared_identifiers_by_rule": values.get(("identifiers_by_type", kind, "all")),
        }.get(metric)
        expected = None if whole is None else values[metric, kind, detail] / whole
        assert share == (None if expected is None else pytest.approx(expected)), metric


@pytest.fixture(scope="module")
def jumped(tmp_path_factory: pytest.TempPathFactory) -> tuple[IdentityProject, list[str]]:
    """Four days: nothing, a usual one, another, and one on which everything jumps; with what dbt printed."""
    project = new_project(tmp_path_factory.mktemp("jumped"), reports=True)
    return project, live(project)


def live(project: IdentityProject) -> list[str]:
    days = [
        [],
        [*people(400), *ball(60), *placeholders(101)],
        [*people(400), *ball(119), *placeholders(101)],
        [*people(400), *ball(300), *placeholders(400), *pairs_of_people(100)],
    ]
    printed = []
    for number, rows in enumerate(days, 1):
        project.write(rows)
        printed.append(project.dbt("build", environment=day(number)).stdout)
    return printed


def warned(printed: str) -> set[str]:
    """The checks of jumps that dbt counted as warnings."""
    return set(re.findall(r"WARN 1 (\w+)_does_not_jump", printed))


def test_a_jump_is_told_in_words_and_stops_nothing(jumped: tuple[IdentityProject, list[str]]) -> None:
    printed = " ".join(jumped[1][3].split())
    assert warned(printed) == {"largest_component", "merge_rate", "blocked_share"}
    assert "ERROR=0" in printed
    for words in (
        "largest_component_does_not_jump: The metric largest_component of identity_health jumped on 2026-01-04: "
        "301 identifiers, more than 2 times the 120 of the day measured before.",
        "merge_rate_does_not_jump: The metric merges of identity_health jumped on 2026-01-04: "
        "100 people merged into others (33.22 %), more than 3 times the 0.00 % that was usual on the 2 days measured "
        "before.",
        "blocked_share_does_not_jump: The metric blocked_identifiers of identity_health jumped on 2026-01-04: "
        "400 blocked identifiers (26.65 %), more than 1.5 times the 10.20 % that was usual",
        "with `weft identity exclude`",
    ):
        assert words in printed


def test_nothing_is_warned_of_without_data_on_the_first_day_or_on_a_usual_one(
    jumped: tuple[IdentityProject, list[str]],
) -> None:
    for printed in jumped[1][:3]:
        assert warned(printed) == set()
        assert "ERROR=0" in printed
        assert "jumped" not in printed


def test_a_day_is_replaced_the_past_is_not_and_a_full_refresh_keeps_it(
    jumped: tuple[IdentityProject, list[str]],
) -> None:
    project, _ = jumped
    before = [health(project, number) for number in (1, 2, 3, 4)]
    project.write(people(3))
    project.dbt("build", "--full-refresh", environment={"WEFT_AS_OF": "2026-01-04T23:30:00Z"})
    assert [health(project, number) for number in (1, 2, 3)] == before[:3]
    assert health(project, 4)["people", "any", "all"] == 3
    assert not {key for key in health(project, 4) if key[0] == "blocked_identifiers_by_reason"}

    replaced = health(project, 4)
    project.write(people(4))
    project.dbt("build", environment=day(2))  # a replay of an earlier day knows nothing of how it was then
    assert [health(project, number) for number in (1, 2, 3, 4)] == [*before[:3], replaced]


def everything(project: IdentityProject) -> list[tuple[Any, ...]]:
    rows = project.execute(f"select cast(measured_on as varchar), {COLUMNS} from weft_identity.identity_health")
    return sorted((*row[:5], None if row[5] is None else round(float(row[5]), 9), *row[7:], row[6]) for row in rows)


# The emulator runs in this process and uses a call that DuckDB advises against.
@pytest.mark.filterwarnings("ignore:Arrow output")
def test_snowflake_counts_the_same(snowflake: dict[str, str], tmp_path: Path) -> None:
    project = new_project(tmp_path, snowflake, reports=True)
    project.write(tangle(1))
    project.dbt("build", environment=day(2))
    expected = recount(project)
    assert expected["shared_identifiers", "any", "all"]
    assert health(project, 2) == {key: expected.get(key, 0) for key in health(project, 2).keys() | expected.keys()}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Arrow output")
def test_snowflake_measures_and_warns_of_the_same(snowflake: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "duckdb").mkdir()
    (tmp_path / "snowflake").mkdir()
    here, there = (
        new_project(tmp_path / "duckdb", reports=True),
        new_project(tmp_path / "snowflake", snowflake, reports=True),
    )
    printed = [live(here), live(there)]
    assert everything(there) == everything(here)
    told = [sorted(each[3].split("_does_not_jump: ")[1:]) for each in printed]
    assert [words.splitlines()[0] for words in told[1]] == [words.splitlines()[0] for words in told[0]]
    assert len(told[0]) == 3
