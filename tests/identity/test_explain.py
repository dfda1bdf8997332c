"""Why: the chain of evidence between two identifiers, what keeps them apart, and what became of one of them."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path

import pytest

from .command import Answer, Weft
from .conftest import IdentityProject, Mention, new_project

NOON = datetime(2026, 1, 1, 12)
RULES = {
    "user_id": {"priority": 10, "limit": 1},
    "email": {"priority": 30, "normaliser": "email"},
    "anonymous_id": {"priority": 90, "shared_above": {"user_id": 1}},
    "default": {"priority": 50},
}


def record(name: str, *identifiers: str, source: str = "shop", at: datetime = NOON) -> list[Mention]:
    return [(source, name, *each.split(":", 1), at) for each in identifiers]  # type: ignore[misc]


DAY_1 = [
    # Ada: a chain of three links, one of which several records and two sources state.
    *record("a1", "user_id:ada", "email:ada@x.example"),
    *record("a2", "user_id:ada", "email:ada@x.example", at=NOON + timedelta(days=2)),
    *record("a3", "user_id:ada", "email:ada@x.example", source="desk", at=NOON + timedelta(days=1)),
    *record("a4", "email:ada@x.example", "phone:+491711234500"),
    *record("a5", "phone:+491711234500", "anonymous_id:laptop"),
    # Ben and Cleo share a tablet; Cleo and Dan shared an address until it was corrected.
    *record("b1", "user_id:ben", "anonymous_id:tablet"),
    *record("c1", "user_id:cleo", "anonymous_id:tablet"),
    *record("c2", "user_id:cleo", "email:ours@x.example"),
    *record("d1", "loyalty_id:dan", "email:ours@x.example"),
    # Eve and Fay are two customers by their numbers, on one address: the limit keeps them apart.
    *record("e1", "user_id:eve", "email:both@x.example"),
    *record("f1", "user_id:fay", "email:both@x.example", at=NOON + timedelta(hours=1)),
    # Gus has two addresses, which somebody will keep apart; Hal has two that somebody will put together.
    *record("g1", "user_id:gus", "email:gus@x.example"),
    *record("g2", "user_id:gus", "email:notgus@x.example"),
    *record("h1", "user_id:hal", "email:hal@x.example"),
    *record("h2", "loyalty_id:hal"),
    *record("t1", "user_id:ida", "email:test@test.com"),
]
DAY_2 = [row for row in DAY_1 if row[1] != "d1"] + record("d2", "loyalty_id:dan", "email:dan@x.example")


@dataclass
class Story:
    """The project after both days, and how to ask it."""

    project: IdentityProject
    decisions: dict[str, str]

    def explain(self, *arguments: str, terminal: bool = False) -> Answer:
        return Weft(self.project)("explain", *arguments, terminal=terminal)


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    snowflake = request.getfixturevalue("snowflake") if request.param == "snowflake" else None
    project = new_project(tmp_path_factory.mktemp("why"), snowflake)
    project.write(DAY_1)
    project.dbt("build", variables={"identity_rules": RULES}, environment={"WEFT_AS_OF": "2026-01-05T00:00:00Z"})
    decided = {
        "exclude": ("email:gus@x.example", "email:notgus@x.example"),
        "include": ("user_id:hal", "loyalty_id:hal"),
    }
    weft, ids = Weft(project), {}
    for kind, pair in decided.items():
        done = weft("identity", kind, *pair, "--because", "they said so", "--yes", "--json")
        assert done.code == 0, done.err
        ids[kind] = done.json["decision"]["override_id"]
    project.write(DAY_2)
    project.dbt("run", variables={"identity_rules": RULES}, environment={"WEFT_AS_OF": "2026-01-06T00:00:00Z"})
    return Story(project, ids)


def chain(answer: Answer) -> list[str]:
    """The identifiers of a chain, a dot before each that a link which does not hold leads to."""
    links = answer.json["chain"]
    return [name(links[0]["a"])] + [("" if each["holds"] else ".") + name(each["b"]) for each in links]


def name(identifier: dict[str, str]) -> str:
    return f"{identifier['identifier_type']}:{identifier['identifier_value']}"


def test_the_shortest_chain_is_told_with_its_evidence(story: Story) -> None:
    answer = story.explain("user_id:ada", "anonymous_id:laptop", "--json")
    assert answer.json["is_one"]
    assert chain(answer) == ["user_id:ada", "email:ada@x.example", "phone:+491711234500", "anonymous_id:laptop"]
    first = answer.json["chain"][0]["evidence"]
    told = [(each["rule"], each["source"], each["record_id"], each["count_records"]) for each in first]
    assert told == [("same_record", "shop", "a1", 2), ("same_record", "desk", "a3", 1)]
    assert [each["first_seen_at"] for each in first] == ["2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z"]
    assert first[0]["last_seen_at"] == "2026-01-03T12:00:00Z"
    assert [each["weight"] for each in first] == [1, 1]


def test_what_would_part_one_person_is_told_and_what_the_one_decision_would_refuse(story: Story) -> None:
    separation = story.explain("user_id:ada", "anonymous_id:laptop", "--json").json["separation"]
    assert len(separation["links"]) == 1
    # The least certain link of the chain is the last to be looked at, and so the one that an exclude refuses.
    refused = [{name(each["a"]), name(each["b"])} for each in separation["exclude_would_refuse"]]
    assert refused == [{"phone:+491711234500", "anonymous_id:laptop"}]


def test_two_people_on_a_shared_device_are_told_which_rule_keeps_them_apart(story: Story) -> None:
    answer = story.explain("user_id:ben", "user_id:cleo", "--json")
    assert not answer.json["is_one"]
    assert chain(answer) == ["user_id:ben", ".anonymous_id:tablet", ".user_id:cleo"]
    assert answer.json["chain"][0]["reasons"] == ["shared anonymous_id: more than 1 user_id"]


def test_a_withdrawn_link_is_told_with_the_evidence_that_there_was(story: Story) -> None:
    answer = story.explain("user_id:cleo", "loyalty_id:dan", "--json")
    assert chain(answer) == ["user_id:cleo", "email:ours@x.example", ".loyalty_id:dan"]
    assert answer.json["chain"][1]["reasons"] == ["withdrawn: its source no longer states it"]
    assert answer.json["chain"][1]["evidence"][0]["first_seen_at"] == "2026-01-01T12:00:00Z"


def test_a_refused_link_is_told_with_the_limit(story: Story) -> None:
    answer = story.explain("user_id:eve", "user_id:fay", "--json")
    assert chain(answer) == ["user_id:eve", "email:both@x.example", ".user_id:fay"]
    assert answer.json["chain"][1]["reasons"] == ["refused: one person may have 1 user_id at most"]


def test_an_exclude_is_told_with_who_decided_it_and_why(story: Story) -> None:
    answer = story.explain("email:gus@x.example", "email:notgus@x.example", "--json")
    assert not answer.json["is_one"]
    assert [link["reasons"] for link in answer.json["chain"]].count(
        ["refused: a decision by hand keeps the two apart"]
    ) == 1
    (decision,) = answer.json["decisions"]
    assert (decision["override_id"], decision["because"]) == (story.decisions["exclude"], "they said so")
    assert (decision["kind"], decision["decided_by"], decision["undone_at"]) == ("exclude", "lea", None)


def test_an_include_is_evidence_of_its_own(story: Story) -> None:
    answer = story.explain("email:hal@x.example", "loyalty_id:hal", "--json")
    assert chain(answer) == ["email:hal@x.example", "user_id:hal", "loyalty_id:hal"]
    assert [each["rule"] for each in answer.json["chain"][1]["evidence"]] == ["include"]
    assert [each["override_id"] for each in answer.json["chain"][1]["decisions"]] == [story.decisions["include"]]


def test_where_nothing_connects_two_people_that_is_said(story: Story) -> None:
    answer = story.explain("user_id:ada", "user_id:hal")
    assert (answer.code, answer.lines[1:]) == (0, [])
    assert "nothing connects user_id:ada and user_id:hal" in answer.err


def test_a_blocked_value_is_told_with_its_reason(story: Story) -> None:
    answer = story.explain("email:test@test.com")
    assert answer.code == 0
    assert "email:test@test.com is blocked (test address): it stands for nobody" in answer.err
    pair = story.explain("user_id:ida", "email:test@test.com", "--json").json
    assert (pair["is_one"], pair["chain"], pair["b"]["blocked_because"]) == (False, None, "test address")


def test_a_shared_identifier_is_told_with_its_rule(story: Story) -> None:
    answer = story.explain("anonymous_id:tablet")
    assert "anonymous_id:tablet is shared (more than 1 user_id): it has a profile of its own" in answer.err
    assert ["shared anonymous_id: more than 1 user_id", "2"] in answer.lines


def test_one_identifier_is_told_with_its_person_refusals_and_decisions(story: Story) -> None:
    ada = story.explain("phone:+49 171 1234500", "--json").json
    assert {name(each) for each in ada["identifiers"]} == {
        "user_id:ada", "email:ada@x.example", "phone:+491711234500", "anonymous_id:laptop"
    }  # fmt: skip
    assert ada["links"] == [{"status": "holds", "count_links": 2}]
    fay = story.explain("user_id:fay", "--json").json
    assert [(each["limit_type"], each["limit_max"]) for each in fay["refusals"]] == [("user_id", 1)]
    assert fay["links"] == [{"status": "refused", "count_links": 1}]
    hal = story.explain("loyalty_id:hal", "--json").json
    assert [each["override_id"] for each in hal["decisions"]] == [story.decisions["include"]]


def test_merges_are_told_and_former_ids_resolve(story: Story) -> None:
    hal = story.explain("user_id:hal", "--json").json
    (merge,) = hal["changes"]
    assert (merge["kind"], merge["profile_id_into"], merge["count_identifiers"]) == ("merge", hal["profile_id"], 1)
    (former,) = hal["former_profiles"]
    assert former["former_profile_id"] == merge["profile_id_from"]
    assert story.explain(f"profile_id:{former['former_profile_id']}", "--json").json["profile_id"] == hal["profile_id"]


def test_a_merge_and_a_split_are_told_with_the_link_that_caused_them(story: Story) -> None:
    (merge,) = story.explain("user_id:hal", "--json").json["changes"]
    assert {name(merge["cause_a"]), name(merge["cause_b"])} == {"user_id:hal", "loyalty_id:hal"}
    assert (merge["cause_rule"], merge["cause_source"]) == ("include", "by hand")
    (split,) = story.explain("loyalty_id:dan", "--json").json["changes"]
    assert {name(split["cause_a"]), name(split["cause_b"])} == {"loyalty_id:dan", "email:ours@x.example"}
    assert (split["kind"], split["cause_reason"]) == ("split", "withdrawn")


def test_an_unknown_identifier_type_or_profile_ends_with_what_to_do(story: Story) -> None:
    nobody, mistyped = story.explain("user_id:nobody"), story.explain("usr_id:ada")
    assert nobody.code == mistyped.code == 2
    assert "No source ever mentioned this user_id" in nobody.err
    assert "user_id:nobody" not in nobody.err
    assert "Use one of: anonymous_id, email, loyalty_id, phone, user_id, profile_id" in mistyped.err
    assert "no such profile" in story.explain("profile_id:0").err
    assert "same identifier" in story.explain("email:ada@x.example", "email: ADA@x.example ").err


def test_a_chain_reads_from_top_to_bottom_on_a_terminal(story: Story) -> None:
    lines = story.explain("user_id:cleo", "loyalty_id:dan", terminal=True).out.splitlines()
    shown = [line.strip() for line in lines[2:] if line.strip()]
    assert shown == [
        "user_id:cleo",
        "│ record c2 of shop · 2026-01-01",
        "email:ours@x.example",
        "x 1 record of shop · 2026-01-01",
        "x withdrawn: its source no longer states it",
        "loyalty_id:dan",
    ]


STEPS = 60


def test_a_chain_is_a_shortest_path_with_the_fewest_links_that_do_not_hold(tmp_path: Path) -> None:
    dice = random.Random(7)
    project = new_project(tmp_path)
    pool = [("user_id", 30), ("email", 40), ("anonymous_id", 40), ("phone", 40)]

    def identifier() -> str:
        kind, count = dice.choice(pool)
        value = dice.randrange(count)
        return {"email": f"email:{value}@x.example", "phone": f"phone:+4917112345{value:02}"}.get(
            kind, f"{kind}:{value}"
        )

    written = [record(f"r{number}", *{identifier() for _ in range(dice.choice([2, 2, 3]))}) for number in range(150)]
    project.write(row for rows in written for row in rows)
    project.dbt("build", variables={"identity_rules": RULES})
    dice.shuffle(written)
    project.write(row for rows in written[20:] for row in rows)
    project.dbt("run", variables={"identity_rules": RULES})

    graph = weighted(project)
    assert any(cost for ends in graph.values() for cost in ends.values())
    story = Story(project, {})
    for _ in range(STEPS):
        start, end = dice.sample(sorted(graph), 2)
        answer = story.explain(start, end, "--json")
        best = distances(graph, start).get(end)
        if best is None:
            assert answer.json["chain"] is None
            continue
        links = answer.json["chain"]
        steps = [name(links[0]["a"]), *(name(each["b"]) for each in links)]
        assert (steps[0], steps[-1]) == (start, end)
        costs = [graph[a][b] for a, b in pairwise(steps)]
        assert (sum(costs), len(costs)) == best
        assert [not each["holds"] for each in links] == [bool(cost) for cost in costs]


def weighted(project: IdentityProject) -> dict[str, dict[str, int]]:
    """Every pair of identifiers that was ever linked: 0 where a link holds, 1 where none does."""
    rows = project.execute(
        "select a.identifier_type || ':' || a.identifier_value, b.identifier_type || ':' || b.identifier_value, "
        "max(case when edges.is_active and refusals.a is null then 1 else 0 end) "
        "from weft_identity.identity_edges as edges "
        "inner join weft_identity.identity_nodes as a on edges.a = a.node_seq "
        "inner join weft_identity.identity_nodes as b on edges.b = b.node_seq "
        "left join weft_identity.identity_refusals as refusals on edges.a = refusals.a and edges.b = refusals.b "
        "group by all"
    )
    graph: dict[str, dict[str, int]] = defaultdict(dict)
    for a, b, holds in rows:
        graph[a][b] = graph[b][a] = 1 - holds
    return graph


def distances(graph: dict[str, dict[str, int]], start: str) -> dict[str, tuple[int, int]]:
    """From one identifier to each other: how many links that do not hold the best way has, and how many links."""
    found: dict[str, tuple[int, int]] = {}
    heap: list[tuple[tuple[int, int], str]] = [((0, 0), start)]
    while heap:
        cost, node = heappop(heap)
        if node not in found:
            found[node] = cost
            for other, broken in graph[node].items():
                heappush(heap, ((cost[0] + broken, cost[1] + 1), other))
    return found
