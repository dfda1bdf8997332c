"""Decisions by hand: what is shown in advance is what the next run does, and what was undone has left no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from identity.greedy import Edge, Exclusion, Rules, solve

from .command import Weft
from .conftest import IdentityProject, Mention, new_project
from .greedy import Edge as ProvedEdge
from .greedy import Greedy
from .oracle import Identifier

START = datetime(2026, 1, 1)
RULES = {
    "user_id": {"priority": 10, "limit": 1},
    "email": {"priority": 30, "limit": 2},
    "anonymous_id": {"priority": 90},
    "default": {"priority": 50},
}
#: A call of the command line takes a tenth of a second on DuckDB, and on the emulator a second and more.
WORLDS = {"duckdb": 12, "snowflake": 3}
RULES_OF_EDGES = ("same_record", "same_record", "same_record", "include", "exclude", "probable")
People = dict[Identifier, str]


class World:
    """A few people of their own, disjoint from every other world, and what somebody decides about them."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.dice = dice
        pool = [
            (kind, f"{name}-{number}@x.example" if kind == "email" else f"{name}-{kind}-{number}")
            for kind, count in (("user_id", 3), ("email", 4), ("anonymous_id", 3))
            for number in range(count)
        ]
        self.records: list[Mention] = []
        for number in range(dice.randrange(4, 9)):
            at = START + timedelta(minutes=dice.randrange(20))
            for kind, value in dice.sample(pool, dice.randrange(2, 4)):
                self.records.append(("shop", f"{name}-{number}", kind, value, at))
        self.seen = sorted({(kind, value) for _, _, kind, value, _ in self.records})

    def decisions(self) -> Iterator[tuple[str, Identifier, Identifier]]:
        """A few decisions, some of which contradict each other, and none of which is in force already."""
        made = set()
        for _ in range(self.dice.randrange(1, 5)):
            a, b = self.dice.sample(self.seen, 2)
            kind = self.dice.choice(["include", "exclude"])
            if (kind, frozenset((a, b))) not in made:
                made.add((kind, frozenset((a, b))))
                yield kind, a, b


@dataclass
class Foreseen:
    """What the previews said, one after the other, applied to what was so before."""

    people: People
    refused: set[tuple[str, str]]
    ids: list[str] = field(default_factory=list)

    def add(self, shown: dict[str, Any]) -> None:
        for move in shown["moves"]:
            who = move["identifier_type"], move["identifier_value"]
            assert self.people[who] == move["profile_id_from"]
            self.people[who] = move["profile_id_into"]
        self.refused |= {pair(each) for each in shown["links_refused"]}
        self.refused -= {pair(each) for each in shown["links_no_longer_refused"]} - {
            pair(each) for each in shown["links_refused"]
        }
        present = set(self.people.values())
        for profile in shown["profiles"]:
            assert (profile["profile_id"] in present) == (profile["fate"] != "vanishes")


def pair(link: dict[str, Any]) -> tuple[str, str]:
    a, b = sorted(f"{link[end]['identifier_type']}:{link[end]['identifier_value']}" for end in "ab")
    return a, b


def refused(project: IdentityProject) -> set[tuple[str, str]]:
    rows = project.execute(
        "select a.identifier_type || ':' || a.identifier_value, b.identifier_type || ':' || b.identifier_value "
        "from weft_identity.identity_refusals as refusals "
        "inner join weft_identity.identity_nodes as a on refusals.a = a.node_seq "
        "inner join weft_identity.identity_nodes as b on refusals.b = b.node_seq "
        "where refusals.limit_type <> 'included'"
    )
    return {(min(row), max(row)) for row in rows}


@pytest.mark.filterwarnings("ignore:Arrow output")
@pytest.mark.parametrize("target", ["duckdb", "snowflake"])
def test_the_next_run_does_what_was_shown_in_advance_and_undoing_it_all_brings_every_id_back(
    target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = new_project(tmp_path, request.getfixturevalue("snowflake") if target == "snowflake" else None)
    weft = Weft(project)
    dice = random.Random(20260101)
    worlds = [World(f"w{number}", dice) for number in range(WORLDS[target])]
    project.write(row for world in worlds for row in world.records)
    project.dbt("build", variables={"identity_rules": RULES})
    first, foreseen = project.people(), Foreseen(project.people(), refused(project))

    for world in worlds:
        for kind, a, b in world.decisions():
            done = weft("identity", kind, ":".join(a), ":".join(b), "--because", "it's so", "--yes", "--json")
            assert done.code == 0, done.err
            foreseen.add(done.json)
            foreseen.ids.append(done.json["decision"]["override_id"])
    project.dbt("run", variables={"identity_rules": RULES})
    assert project.people() == foreseen.people != first
    assert refused(project) == foreseen.refused

    dice.shuffle(foreseen.ids)
    for override_id in foreseen.ids:
        done = weft("identity", "undo", override_id, "--yes", "--json")
        assert done.code == 0, done.err
        foreseen.add(done.json)
    assert foreseen.people == first
    project.dbt("run", variables={"identity_rules": RULES})
    assert project.people() == first
    assert weft("identity", "overrides", "--json").json == []


def test_the_law_of_limits_is_the_same_here_and_where_runs_are_proved() -> None:
    dice = random.Random(5)
    types = ["user_id", "email", "anonymous_id", "phone"]
    priorities = dict(zip(types, (10, 30, 90, 50), strict=True))
    refusals = 0
    for _ in range(2_000):
        count = dice.randrange(2, 12)
        kinds = {node: dice.choice(types) for node in range(1, count + 1)}
        limits = {kind: dice.randrange(1, 4) for kind in types if dice.random() < 0.6}
        edges: list[Edge | Exclusion] = []
        # One row for each pair, rule and source, as in identity_edges; moments often fall together.
        for a, b, rule in sorted({drawn(dice, count) for _ in range(dice.randrange(1, 25))}):
            at = START + timedelta(minutes=dice.randrange(6))
            if rule == "exclude":
                edges.append(Exclusion(a, b, at))
            else:
                weight = dice.choice((0.9, 0.95, 1)) if rule == "probable" else 1
                edges.append(Edge(a, b, rule, None if dice.random() < 0.1 and rule != "include" else at, weight))
        solved = solve(
            kinds,
            [each for each in edges if isinstance(each, Edge)],
            [each for each in edges if isinstance(each, Exclusion)],
            Rules(priorities, {kind: limits.get(kind) for kind in types}),
        )
        proved = Greedy(kinds, priorities, limits)
        stated = [
            ProvedEdge(each.a, each.b, each.at, getattr(each, "rule", "exclude"), weight=getattr(each, "weight", 1))
            for each in edges
        ]
        assert dict(solved.person) == proved.people(stated)
        told = {(a, b, *limit) for a, b, _, _, *limit in proved.refusals(stated) if limit[0] != "included"}
        assert {(each.a, each.b, each.limit_type, each.limit_max) for each in solved.refusals} == told
        refusals += len(told)
    assert refusals > 1_000


def drawn(dice: random.Random, count: int) -> tuple[int, int, str]:
    a, b = sorted(dice.sample(range(1, count + 1), 2))
    return a, b, dice.choice(RULES_OF_EDGES)
