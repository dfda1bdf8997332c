"""Random histories: whatever comes, goes, becomes shared or arrives late, every run says what a rebuild would say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from .conftest import IdentityProject, Mention
from .oracle import Identifier, Oracle, Record

START = datetime(2026, 1, 1)
RULES = {
    "user_id": {"priority": 10},
    "email": {"priority": 30},
    "anonymous_id": {"priority": 90, "shared_above": {"user_id": 1, "email": 2}},
    "default": {"priority": 50},
}
SHARED_ABOVE = {"anonymous_id": {"user_id": 1, "email": 2}}
STRICTER = {**RULES, "email": {"priority": 30, "degree_limit": 3}}
STRICTER_SHARED_ABOVE = {**SHARED_ABOVE, "email": {"any": 3}}
WORLDS = 200


def mentions(records: list[Record]) -> list[Mention]:
    return [("shop", each.name, kind, value, each.seen_at) for each in records for kind, value in each.identifiers]


class World:
    """A few people and devices of their own, disjoint from every other world, whose records come and go."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name = name
        self.dice = dice
        self.records: list[Record] = []
        self.written = 0

    def identifier(self) -> Identifier:
        kind, how_many = self.dice.choice([("user_id", 3), ("email", 4), ("phone", 3), ("anonymous_id", 5)])
        return kind, f"{self.name}-{kind}-{self.dice.randrange(how_many)}"

    def step(self) -> None:
        """Some records are withdrawn, some corrected, some added; one in ten new ones tells of an earlier time."""
        self.records = [each for each in self.records if self.dice.random() > 0.15]
        self.records = [
            replace(each, identifiers=(self.identifier(), *each.identifiers[1:])) if self.dice.random() < 0.1 else each
            for each in self.records
        ]
        for _ in range(self.dice.randrange(4)):
            self.written += 1
            late = self.dice.random() < 0.1
            self.records.append(
                Record(
                    f"{self.name}-{self.written}",
                    tuple({self.identifier() for _ in range(self.dice.randrange(1, 4))}),
                    START + timedelta(minutes=self.dice.randrange(3) if late else self.written),
                )
            )


@pytest.mark.timeout(600)
def test_every_run_of_a_random_history_equals_a_rebuild_ids_included(project: IdentityProject) -> None:
    dice = random.Random(20260701)
    worlds = [World(f"w{number}", dice) for number in range(WORLDS)]
    oracle = Oracle(SHARED_ABOVE)
    records: list[Record] = []
    for _ in range(3):
        for world in worlds:
            world.step()
        records = [record for world in worlds for record in world.records]
        dice.shuffle(records)
        project.write(mentions(records))
        # So few parts that what changed shares one with what did not.
        project.dbt(
            *("build", "--exclude-resource-type", "test"), variables={"identity_rules": RULES, "identity_parts": 50}
        )
        assert project.people() == oracle.people(records)

    kinds = project.execute("select distinct kind from weft_identity.identity_changes")
    assert {kind for (kind,) in kinds} == {"merge", "split"}

    stricter = Oracle(STRICTER_SHARED_ABOVE, numbers=oracle.numbers)
    divided: dict[str, object] = {"identity_rules": STRICTER, "identity_parts": 99}
    project.dbt("build", "--exclude-resource-type", "test", variables=divided)
    assert project.people() == stricter.people(records)
    by_parts = "select kind, max(bucket) from weft_identity.identity_scanned where fingerprint > 0 group by kind"
    assert sorted(project.execute(by_parts)) == [("identifier", 98), ("record", 98)]

    before = project.people()
    project.dbt("build", "--full-refresh", variables=divided)
    assert project.people() == before
    assert project.execute("select count(*) from weft_identity.identity_moves") == [(0,)]
