"""The engine and a vendor's account together: whatever happens to people and records, the account ends as the feed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reverse_etl.clock import Clock
from reverse_etl.destinations.base import Destination
from reverse_etl.engine import run_sync
from reverse_etl.report import RunReport, Status
from sandbox.server import Running, start
from tests.engine.conftest import duckdb_project
from tests.engine.shop import AS_OF, Shop
from warehouse.profile import open_warehouse

from .accounts import open_destination

COLUMNS = {
    "hubspot": ("email", "firstname", "weft_tier", "weft_lifetime_value"),
    "klaviyo": ("email", "first_name", "tier", "size"),
}
PLACES = {"hubspot": ("contact", None, "contacts"), "klaviyo": ("list", "WINBACK", "WINBACK")}


@dataclass
class Line:
    """A connection to a simulated account."""

    destination: Destination

    def open(self) -> Destination:
        """Return the destination."""
        return self.destination


class Hurried(Clock):
    """Time that passes as it does, but for waits."""

    def sleep(self, seconds: float) -> None:
        """Wait a moment only."""
        time.sleep(min(seconds, 0.02))


class World:
    """A shop whose feed goes to a simulated account."""

    def __init__(self, name: str, shop: Shop, sandbox: Running) -> None:
        self.name, self.shop, self.sandbox = name, shop, sandbox
        self.account = sandbox.accounts[name]
        shop.columns = COLUMNS[name]

    def add(self, person: str, **values: Any) -> None:
        """Let a person into the feed, with their consent."""
        first, second, third = self.shop.columns[1:]
        given = {"email": f"{person}@example.com", first: person.title(), second: "gold", third: None}
        self.shop.people[person] = given | values
        self.shop.granted.add(person)

    def run(self, **settings: Any) -> RunReport:
        """Load the world and run the sync."""
        self.shop.load()
        thing, target, _ = PLACES[self.name]
        told: dict[str, Any] = {"object": thing, "target": target, "connection": self.name, "destination": self.name}
        sync = self.shop.sync(**(told | settings))
        line: Any = Line(open_destination(self.name, self.sandbox))
        return run_sync(self.shop.warehouse, sync, {self.name: line}, AS_OF, clock=Hurried())

    def held(self) -> dict[str, dict[str, Any]]:
        """What the list holds, by address, in the feed's columns."""
        found = {}
        for record in self.account.members(PLACES[self.name][2]):
            flat = {**record, **record.get("properties", {})}
            found[flat["email"]] = {column: flat[column] for column in self.shop.columns if flat.get(column)}
        return found

    def wanted(self) -> dict[str, dict[str, Any]]:
        """What it should hold."""
        return {
            email: {column: str(value) for column, value in row.items() if value is not None}
            for email, row in self.shop.eligible().items()
        }


@pytest.fixture(params=COLUMNS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with start() as sandbox, open_warehouse(duckdb_project(tmp_path), env={}) as warehouse:
        shop = Shop(warehouse)
        warehouse.execute("create schema if not exists weft_shop")
        yield World(request.param, shop, sandbox)


@pytest.mark.parametrize("on_merge", ["remove", "merge"])
@pytest.mark.parametrize("seed", range(2))
def test_after_any_history_the_account_holds_the_feed(world: World, on_merge: str, seed: int) -> None:
    random = Random(seed)
    first, second, third = world.shop.columns[1:]
    people = world.shop.people
    for step in range(4):
        for number in range(3):
            world.add(f"p{seed}s{step}n{number}")
        for person in random.sample(sorted(people), 3):
            people[person] |= {
                second: random.choice(["gold", "tin"]),
                third: random.choice([None, "L", "S"]),
                first: random.choice([person.title(), "Other"]),
            }
        world.shop.granted.discard(random.choice(sorted(people)))
        if random.random() < 0.3:
            del people[random.choice(sorted(people))]
        if random.random() < 0.7:
            loser, survivor = random.sample(sorted(people), 2)
            world.shop.merge(loser, survivor)
        if random.random() < 0.5:
            kind = random.choice(["drop_after", "rate_limited", "truncate", "server_error", "drop_before"])
            world.sandbox.fault(kind, world.name, skip=random.randrange(6))

        # What a fault left undone, the next run does; what merged gets its own values back by it at the latest.
        for _ in range(2):
            report = world.run(on_merge=on_merge)
            assert report.status is not Status.FAILED, report
        assert world.held() == world.wanted(), step


def test_a_merged_record_is_followed_by_changes_and_removals_and_keeps_no_value_of_the_one_that_went(
    world: World,
) -> None:
    second, third = world.shop.columns[2:]
    for person, size in (("ann", None), ("bea", "L"), ("cleo", "S")):
        world.add(person, **{third: size})
    world.run(on_merge="merge")
    world.shop.merge("bea", "ann")
    world.run(on_merge="merge")

    assert world.held() == world.wanted()
    assert {record["email"] for record in world.account.records} == {"ann@example.com", "cleo@example.com"}

    world.shop.people["ann"][second] = "tin"
    world.run(on_merge="merge")
    assert world.held() == world.wanted()

    del world.shop.people["ann"]
    world.run(on_merge="merge")
    assert set(world.held()) == {"cleo@example.com"}


def test_an_update_changes_who_is_there_and_goes_on_asking_for_the_others(tmp_path: Path) -> None:
    with start() as sandbox, open_warehouse(duckdb_project(tmp_path), env={}) as warehouse:
        warehouse.execute("create schema if not exists weft_shop")
        world = World("hubspot", Shop(warehouse), sandbox)
        world.add("ann")
        world.run()
        world.add("bea")
        reports = [world.run(name="updates", mode="update") for _ in range(2)]

        assert [record["email"] for record in world.account.records] == ["ann@example.com"]
        assert [report.sent for report in reports] == [2, 1]
