"""Probable links, as a user makes them: dbt builds, `weft identity score` scores, people decide, dbt links."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import python
from tests.identity.conftest import IdentityProject, new_project

pytest.importorskip("splink", reason="the extra `probabilistic` is not installed")

ROOT = Path(__file__).parents[2]
START = datetime(2026, 1, 1)
FIRST = ("Ada", "Björn", "Chiara", "Derya", "Emil", "Fatima", "Goran", "Hanna", "Ivo", "Jana", "Karim", "Lena")
LAST = ("Almeida", "Brandt", "Castro", "Demir", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jensen", "Kaya")
CITIES = ("Lisboa", "Berlin", "Madrid", "Izmir", "Oslo", "Köln")
TRAITS = ("source", "identifier_type", "identifier_value", "trait", "value")
Record = tuple[str, dict[str, str | None]]


def invented(people: int = 80) -> tuple[list[Record], set[tuple[str, str]]]:
    """Records of invented people, each under one or two account numbers, and the pairs that are one person.

    The second account has a slip in it: another e-mail, a letter less in the name, no city.
    """
    chance = random.Random(7)
    records: list[Record] = []
    same = set()
    for number in range(people):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        born = datetime(1950, 1, 1) + timedelta(days=chance.randrange(18_000))
        mine: dict[str, str | None] = {
            "first_name": first,
            "last_name": last,
            "birth_date": f"{born:%Y-%m-%d}",
            "city": chance.choice(CITIES),
            "email": f"{first}.{last}{number}@example.com".lower(),
        }
        records.append((f"a{number}", mine))
        if number % 2 == 0:
            slipped = dict(mine)
            slip = chance.choice(("email", "first_name", "city", "birth_date"))
            slipped["email"] = f"{first}{last}.{number}@example.org".lower() if slip != "city" else mine["email"]
            if slip == "first_name":
                slipped["first_name"] = first[:-1]
            elif slip == "birth_date":
                slipped["birth_date"] = f"{born + timedelta(days=1):%Y-%m-%d}"
            else:
                slipped["city"] = None
            records.append((f"b{number}", slipped))
            same.add((f"a{number}", f"b{number}"))
    return records, same


class Company(IdentityProject):
    """An identity project with records, and the commands of `weft` in it."""

    def load(self, records: list[Record]) -> None:
        """Write records as accounts with traits. The e-mail is no identifier here, so nothing is linked exactly."""
        self.write([("shop", key, "user_id", key, START) for key, _ in records])
        rows = [
            ("shop", "user_id", key, trait, value, START)
            for key, attributes in records
            for trait, value in attributes.items()
            if value is not None
        ]
        values = ", ".join(
            "(" + ", ".join(f"'{part}'" for part in row[:5]) + f", timestamp '{row[5]}')" for row in rows
        )
        columns = ", ".join(f"{name} varchar" for name in TRAITS)
        self.execute(
            f"create or replace table raw.traits ({columns}, observed_at timestamp)",
            f"insert into raw.traits values {values}",
        )

    def settings(self, **given: object) -> None:
        """Change the variable identity_probable in the project."""
        file = self.folder / "dbt_project.yml"
        project = yaml.safe_load(file.read_text())
        project["vars"]["identity_probable"].update(given)
        file.write_text(yaml.safe_dump(project, sort_keys=False))

    def weft(self, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `weft identity` and return what it printed."""
        done = python(
            *("weft", "identity", *arguments),
            cwd=self.folder,
            env={**self.environment, "WEFT_USER": "steward"},
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def score(self, *arguments: str) -> dict[str, Any]:
        """Score and return the report."""
        report: dict[str, Any] = json.loads(self.weft("score", "--json", *arguments).stdout)
        return report

    def scored(self) -> dict[tuple[str, str], tuple[float, str | None]]:
        """The scored pairs of accounts, each with weight and decision."""
        rows = self.execute("select value_a, value_b, weight, decision from weft_identity.identity_probable_pairs")
        return {(a, b): (float(weight), decision) for a, b, weight, decision in rows}

    def together(self) -> set[tuple[str, str]]:
        """The pairs of accounts that are one profile."""
        people: dict[str, list[str]] = {}
        for (kind, value), profile in self.people().items():
            if kind == "user_id":
                people.setdefault(profile, []).append(value)
        return {(a, b) for members in people.values() for a in members for b in members if a < b}


def company(folder: Path, snowflake: Mapping[str, str] | None = None) -> Company:
    """A project with invented people, built and not scored."""
    made = new_project(folder, snowflake)
    found = Company(made.folder, made.snowflake)
    found.load(invented()[0])
    found.dbt("build")
    return found


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A project with invented people on DuckDB, built and scored, to be copied."""
    made = company(tmp_path_factory.mktemp("probable") / "project")
    made.score()
    return made


@pytest.fixture
def duck(scored_once: Company, tmp_path: Path) -> Company:
    """A copy of the project that was built and scored."""
    shutil.copytree(scored_once.folder, tmp_path / "project")
    return Company(tmp_path / "project")


def test_scoring_finds_who_has_two_accounts_and_writes_each_pair_once(duck: Company) -> None:
    _, same = invented()
    report = duck.score()
    found = duck.scored()

    likely = {pair for pair, (weight, _) in found.items() if weight >= 0.95}
    assert len(same & likely) >= 0.9 * len(same), "nearly all slips are seen through"
    assert len(likely - same) <= 0.1 * len(same), "and hardly anybody is taken for somebody else"
    assert all(0.5 <= weight <= 1 for weight, _ in found.values())
    assert duck.execute("select count(*) from weft_identity.identity_probable_pairs") == [(len(found),)]
    assert report["written"] == {
        "pairs": len(found),
        "linking": len(likely),
        "waiting": len(found) - len(likely),
        "accepted": 0,
        "rejected": 0,
    }
    assert report["left_out"].keys() == {"phone", "postal_code"}, "nobody has one"


def test_the_same_data_is_scored_the_same_and_a_second_scoring_takes_the_place_of_the_first(duck: Company) -> None:
    first = duck.score()
    pairs = duck.scored()
    again = duck.score()
    assert again == first
    assert duck.scored() == pairs
    assert duck.execute("select count(*) from weft_identity.identity_probable_models") == [(1,)]

    duck.load([each for each in invented()[0] if each[0] != "b0"])
    duck.dbt("build")
    other = duck.score()
    assert other["model_version"] != first["model_version"], "other data makes another model"
    assert duck.execute("select distinct model_version from weft_identity.identity_probable_pairs") == [
        (other["model_version"],)
    ]
    assert not any("b0" in pair for pair in duck.scored()), "who is gone is compared no more"

    back = duck.score("--model", first["model_version"])
    assert back["model_version"] == first["model_version"]
    assert not back["is_new"]


def test_a_kept_model_scores_as_it_did_when_it_was_trained(duck: Company) -> None:
    version = duck.score()["model_version"]
    before = duck.scored()
    duck.score("--model", version)
    assert duck.scored() == before
    missing = duck.weft("score", "--model", "20200101-00000000", fails=True)
    assert version in missing.stderr
    assert duck.scored() == before


def test_what_a_person_decided_outlives_every_scoring(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)
    assert queue["waiting"] >= 3
    yes, no, open_again = queue["pairs"][:3]
    duck.weft("review", "--accept", yes["id"], "--reject", no["id"], "--reject", open_again["id"])
    duck.weft("review", "--reopen", open_again["id"])
    report = duck.score()

    decided = {pair: decision for pair, (_, decision) in duck.scored().items() if decision}
    key = {each["id"]: (each["a"]["value"], each["b"]["value"]) for each in (yes, no)}
    assert decided == {key[yes["id"]]: "accepted", key[no["id"]]: "rejected"}
    assert (report["written"]["accepted"], report["written"]["rejected"]) == (1, 1)
    left = json.loads(duck.weft("review", "--json").stdout)
    assert left["waiting"] == queue["waiting"] - 2
    by, at = duck.execute(
        "select decided_by, decided_at from weft_identity.identity_probable_pairs where decision = 'accepted'"
    )[0]
    assert by == "steward"
    assert at is not None

    duck.load([each for each in invented()[0] if each[0] not in key[no["id"]]])
    duck.dbt("build")
    duck.score()
    assert duck.scored()[key[no["id"]]][1] == "rejected", "also where the pair is not found any more"


def test_the_queue_shows_both_sides_and_what_agrees(duck: Company) -> None:
    lines = duck.weft("review", "--limit", "1").stdout.splitlines()
    assert lines[0].split("\t") == ["id", "probability", "attribute", "first", "second", "verdict"]
    shown = {line.split("\t")[2]: line.split("\t")[3:] for line in lines[1:]}
    assert shown.keys() >= {"identifier", "first_name", "last_name", "birth_date", "email", "profile"}
    records = dict(invented()[0])
    first, second = (each.removeprefix("user_id:") for each in shown["identifier"][:2])
    assert shown["email"][:2] == [records[first]["email"], records[second]["email"]]
    for name in ("first_name", "last_name"):
        is_same = records[first][name] == records[second][name]
        assert (shown[name][2] == "same") == is_same


def test_a_wrong_id_decides_nothing(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)["pairs"]
    refused = duck.weft("review", "--accept", queue[0]["id"], "--reject", "nonesuch", fails=True)
    assert "nonesuch" in refused.stderr
    assert not any(decision for _, decision in duck.scored().values())
    twice = duck.weft("review", "--accept", queue[0]["id"], "--reject", queue[0]["id"], fails=True)
    assert "twice" in twice.stderr


def test_too_few_records_and_unbuilt_tables_are_said_in_one_message(tmp_path: Path) -> None:
    made = new_project(tmp_path)
    empty = Company(made.folder)
    unbuilt = empty.weft("score", fails=True)
    assert "dbt build" in unbuilt.stderr
    empty.load(invented()[0][:5])
    empty.dbt("build")
    few = empty.weft("score", fails=True)
    assert few.stderr.startswith("There are 5 records to compare")
    assert empty.weft("review").stderr == "no pair waits for a decision\n"


def test_nothing_that_is_printed_about_a_scoring_names_a_person(duck: Company) -> None:
    done = duck.weft("score")
    values = {value for _, attributes in invented()[0] for value in attributes.values() if value and len(value) > 3}
    assert not [value for value in values if value in done.stdout + done.stderr]
    assert "not enabled" in done.stderr
    settings = duck.execute("select settings from weft_identity.identity_probable_models")[0][0]
    assert not [value for value in values if value.lower() in settings.lower()]


def test_without_the_extra_one_message_says_what_to_install(duck: Company, tmp_path: Path) -> None:
    without = tmp_path / "without" / "splink"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ImportError")
    refused = subprocess.run(
        [sys.executable, "-m", "weft", "identity", "score"],
        cwd=duck.folder,
        env={**duck.environment, "PYTHONPATH": f"{without.parent}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert refused.returncode != 0
    assert "pip install 'weft[probabilistic]'" in refused.stderr
    assert len(refused.stderr.splitlines()) == 3


def test_who_asked_to_be_forgotten_is_not_compared(duck: Company) -> None:
    (duck.folder / "models" / "staging" / "erased_identifiers.sql").write_text(
        "select 'user_id' as identifier_type, 'b0' as identifier_value\n"
    )
    duck.dbt("run", "--select", "erased_identifiers")
    duck.score()
    found = duck.scored()
    assert found
    assert not any("b0" in pair for pair in found)


def test_at_most_so_many_records_and_pairs_are_compared_as_the_settings_say(duck: Company) -> None:
    duck.settings(max_records=60, max_pairs=70)
    report = duck.score()
    assert report["records"] == 60
    assert report["is_partial"]
    used = [key for key in report["keys"] if key["is_used"]]
    assert used
    assert sum(key["pairs"] for key in used) <= 70
    assert [key for key in report["keys"] if key["pairs"] and not key["is_used"]], "the rest is said to be left out"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threshold": 1.5}, "review_from <= threshold <= 1"),
        ({"review_from": 0.99}, "review_from <= threshold <= 1"),
        ({"enabled": "yes"}, "enabled is true or false"),
        ({"compare": {"first_name": "soundex", "city": "text", "email": "email"}}, "first_name: soundex"),
        ({"treshold": 0.9}, "there is no setting treshold"),
    ],
)
def test_a_setting_that_means_nothing_stops_dbt_with_its_name(
    project: IdentityProject, given: dict[str, object], said: str
) -> None:
    file = project.folder / "dbt_project.yml"
    settings = yaml.safe_load(file.read_text())
    settings["vars"]["identity_probable"].update(given)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert said in project.dbt("parse", fails=True).stdout


def closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs that some pairs make one person of."""
    group: dict[str, set[str]] = {}
    for a, b in pairs:
        joined = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joined, joined))
    return {(a, b) for members in group.values() for a in members for b in members if a < b}


def likely(project: Company) -> set[tuple[str, str]]:
    """The scored pairs that reach the threshold."""
    return {pair for pair, (weight, _) in project.scored().items() if weight >= 0.95}


def test_pairs_link_while_the_setting_is_on_and_come_back_with_it(duck: Company) -> None:
    apart = duck.people()
    assert duck.together() == set(), "scored, and nobody is linked"
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.together() == closure(likely(duck))
    linked = duck.people()

    duck.settings(enabled=False)
    duck.dbt("run")
    assert duck.people() == apart, "switched off, everybody has the id that they had"
    assert duck.execute("select count(*) from weft_identity.identity_edges where rule = 'probable' and is_active") == [
        (0,)
    ]
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.people() == linked, "and switched on again as well"


def test_what_people_decide_has_the_last_word_over_a_probability(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)["pairs"]
    accepted = (queue[0]["a"]["value"], queue[0]["b"]["value"])
    sure = min(likely(duck))
    duck.settings(enabled=True)
    duck.dbt("run")
    assert sure in duck.together()
    assert accepted not in duck.together()

    wanted = closure((likely(duck) - {sure}) | {accepted})
    duck.weft("review", "--accept", queue[0]["id"])
    duck.execute(
        "update weft_identity.identity_probable_pairs set decision = 'rejected' "
        f"where value_a = '{sure[0]}' and value_b = '{sure[1]}'"
    )
    duck.dbt("run")
    assert duck.together() == wanted
    weights = duck.execute(
        "select edges.weight from weft_identity.identity_edges as edges "
        "inner join weft_identity.identity_nodes as one on edges.a = one.node_seq "
        "inner join weft_identity.identity_nodes as other on edges.b = other.node_seq "
        f"where edges.rule = 'probable' and {accepted!r} in "
        "((one.identifier_value, other.identifier_value), (other.identifier_value, one.identifier_value))"
    )
    assert weights == [(1,)], "a limit refuses what is only probable before what somebody accepted"
    duck.score()
    duck.dbt("run")
    assert duck.together() == wanted, "a new scoring of the same data moves nobody"


def test_a_limit_holds_for_probable_links_as_well(duck: Company) -> None:
    file = duck.folder / "dbt_project.yml"
    project = yaml.safe_load(file.read_text())
    project["vars"]["identity_rules"]["user_id"]["limit"] = 1
    file.write_text(yaml.safe_dump(project, sort_keys=False))
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.together() == set()
    refused = duck.execute("select distinct rule, limit_type from weft_identity.identity_refusals")
    assert refused == [("probable", "user_id")]


def test_snowflake_scores_and_decides_as_duckdb_does(
    scored_once: Company, snowflake: dict[str, str], tmp_path: Path
) -> None:
    cold = company(tmp_path / "snowflake", snowflake)
    report = cold.score()
    assert cold.scored() == scored_once.scored()
    assert (
        report["model_version"].partition("-")[2]
        == scored_once.execute("select model_version from weft_identity.identity_probable_models")[0][0].partition("-")[
            2
        ]
    ), "the same data taught the same"
    queue = json.loads(cold.weft("review", "--json").stdout)
    cold.weft("review", "--accept", queue["pairs"][0]["id"])
    cold.score("--model", report["model_version"])
    decided = [decision for _, decision in cold.scored().values() if decision]
    assert decided == ["accepted"]
