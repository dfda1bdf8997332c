"""What holds for every fault, and that docs/faults.md tells what the runs gave."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reverse_etl.breaker import FIRST_PAUSE
from reverse_etl.http import ATTEMPTS
from tests.engine.fault_matrix.__main__ import PAGE
from tests.engine.fault_matrix.faults import Case, cases
from tests.engine.fault_matrix.page import render
from tests.engine.fault_matrix.play import LATER, MODES, PEOPLE, Record, World, play_all
from tests.engine.fault_matrix.vendor_destination import BATCH
from tests.engine.shop import Shop

pytestmark = pytest.mark.timeout(900)  # the first test waits for all the runs

BATCHES = len(PEOPLE) // BATCH
IDS = [f"{name}-{case.name}-{case.kind}" for name in MODES for case in cases()]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return play_all(tmp_path_factory.mktemp("matrix"))


@pytest.fixture(params=range(len(IDS)), ids=IDS)
def record(request: pytest.FixtureRequest, records: list[Record]) -> Record:
    place: int = request.param
    return records[place]


def test_whatever_goes_wrong_nothing_is_lost_and_nothing_is_sent_twice_that_must_not_be(record: Record) -> None:
    people = set(record.expected)
    assert record.answered == people, "the ledger accounts for every row"
    assert record.confirmed | record.doubtful == people
    assert {key for key in record.confirmed if record.held.get(key) != record.expected[key]} == set()
    if record.object == "contact":
        assert record.held == record.expected
        assert record.doubtful == set()
    else:
        assert max(record.arrived.values()) == 1
        assert record.following.kept.get("in_doubt", 0) == len(record.doubtful)
        assert set(record.held) - record.confirmed <= record.doubtful
    assert record.following.status == "done"


def test_whatever_goes_wrong_calls_and_waits_have_a_bound(record: Record) -> None:
    in_halves = 2 * BATCH  # a batch that is refused as a whole
    assert record.first.calls <= 1 + BATCHES + ATTEMPTS + in_halves
    assert record.first.waited <= 40 * ATTEMPTS
    assert record.following.calls <= 1 + BATCHES
    assert record.following.waited <= 1


def test_whatever_goes_wrong_the_message_names_nobody(record: Record) -> None:
    assert bool(record.first.message) == (record.first.status == "failed")
    assert "example.com" not in record.first.message


def test_a_fault_that_passes_goes_unnoticed_where_calls_may_be_repeated(records: list[Record]) -> None:
    passing = [record for record in records if record.case.kind == "once" and record.object == "contact"]

    assert {record.first.status for record in passing} == {"done"}


def lasting(name: str) -> Case:
    [case] = [case for case in cases() if case.name == name and case.kind == "lasting"]
    return case


@pytest.mark.parametrize("name", ["503", "connection refused"])
def test_a_run_right_after_a_destination_was_found_down_makes_no_call(
    shop: Shop, state_folder: Path, name: str
) -> None:
    shop.add(*PEOPLE)
    world = World(shop, "contact", "shop_contacts", state_folder)
    case = lasting(name)
    try:
        case.prepare(world)
        assert world.run().error == "DestinationDown"
        case.mend(world)

        at_once = world.run()
        assert (at_once.status, at_once.error, at_once.calls) == ("failed", "DestinationDown", 0)
        said = r"Vendor did not answer at 00:00:\d\d UTC; the next attempt is allowed at 00:\d\d:\d\d UTC\."
        assert re.fullmatch(said, at_once.message)

        world.later(FIRST_PAUSE)
        assert world.run().status == "done"
        assert world.vendor.rows == shop.eligible()
    finally:
        world.vendor.close()


@pytest.mark.parametrize(
    "name", ["429, `Retry-After: 30`", "503", "connection refused", "connection reset after the batch was taken"]
)
def test_calls_that_were_under_way_together_lose_nothing_either(shop: Shop, state_folder: Path, name: str) -> None:
    shop.add(*(f"g{number:03}" for number in range(200)))
    world = World(shop, "several at a time", "shop_contacts", state_folder)
    case = lasting(name)
    try:
        case.prepare(world)
        world.vendor.after = 20
        first = world.run()
        assert first.status == "failed"
        assert first.outcomes["applied"] == 20 * BATCH

        world.later(LATER)
        case.mend(world)
        assert world.run().status == "done"
        assert world.vendor.rows == shop.eligible()
    finally:
        world.vendor.close()


def test_the_page_in_the_docs_is_what_the_runs_gave(records: list[Record]) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(records), "write it again: python -m tests.engine.fault_matrix"
