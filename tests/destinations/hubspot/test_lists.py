"""Members of HubSpot's lists, by the ids of their contacts."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination, Member, Mode
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import DestinationRefused
from reverse_etl.rows import Op, Row
from sandbox.hubspot.api import HubSpot
from sandbox.hubspot.lists import DYNAMIC, STATIC
from sandbox.server import Running
from sandbox.store import Record
from tests.destinations.conftest import FakeTime, make_row

LIST = Delivery("list", STATIC, Mode.MIRROR)


@pytest.fixture
def hubspot(sandbox: Running, fake_time: FakeTime) -> Destination:
    sandbox.sandbox.reset()
    emails = [f"ann{n}@example.com" for n in range(3)]
    people = [Record(f"10{n}", {"email": email}, email) for n, email in enumerate(emails)]
    sandbox.sandbox.store.put_records("hubspot", people)
    settings = HubSpotSettings(base_url=f"{sandbox.url}/hubspot", access_token=SecretStr(HubSpot.key))
    return connect("hubspot", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def row(n: int, op: Op = Op.ADD, known_as: str | None = None) -> Row:
    return make_row(f"ann{n}@example.com", op, known_as=known_as, email=f"ann{n}@example.com")


def on_list(sandbox: Running) -> set[str]:
    return {one["email"] for one in sandbox.accounts["hubspot"].members(STATIC)}


def test_contacts_go_on_the_list_and_leave_it_and_nobody_is_created(hubspot: Destination, sandbox: Running) -> None:
    added = hubspot.send(LIST, Op.ADD, [row(0), row(1), row(9)])

    assert [(one.outcome.value, one.code, one.destination_id) for one in added] == [
        ("applied", "", "100"),
        ("applied", "", "101"),
        ("info", "not_found", None),
    ]
    assert on_list(sandbox) == {"ann0@example.com", "ann1@example.com"}

    gone = hubspot.send(LIST, Op.REMOVE, [row(0, Op.REMOVE, "100"), row(2, Op.REMOVE), row(9, Op.REMOVE)])
    assert [(one.outcome.value, one.code) for one in gone] == [
        ("applied", ""),
        ("applied", ""),
        ("applied", "no_contact"),
    ]
    assert on_list(sandbox) == {"ann1@example.com"}
    assert len(sandbox.accounts["hubspot"].records) == 3


def test_a_contact_whose_id_is_another_since_a_merge_is_found_by_its_address(
    hubspot: Destination, sandbox: Running
) -> None:
    hubspot.send(LIST, Op.ADD, [row(0)])
    added = hubspot.send(LIST, Op.ADD, [row(1, known_as="999")])
    removed = hubspot.send(LIST, Op.REMOVE, [row(0, Op.REMOVE, "999")])

    assert [one.destination_id for one in (*added, *removed)] == ["101", "100"]
    assert on_list(sandbox) == {"ann1@example.com"}


def test_members_are_told_by_their_address(hubspot: Destination) -> None:
    hubspot.send(LIST, Op.ADD, [row(0), row(2)])

    assert set(hubspot.members(LIST)) == {Member("ann0@example.com", "100"), Member("ann2@example.com", "102")}


@pytest.mark.parametrize(("target", "told"), [(DYNAMIC, "by itself"), ("999", "no list"), ("contacts", "no list")])
def test_a_list_that_cannot_be_filled_is_refused_before_the_first_batch(
    hubspot: Destination, target: str, told: str
) -> None:
    with pytest.raises(DestinationRefused, match=told):
        hubspot.check(Delivery("list", target))
    hubspot.check(LIST)


def test_a_list_that_is_gone_stops_the_run(hubspot: Destination) -> None:
    with pytest.raises(DestinationRefused, match="999"):
        hubspot.send(Delivery("list", "999"), Op.ADD, [row(0)])
