"""Intercom: who is in the way, who is gone, and what never leaves."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Count, Delivery, Destination, Member, Mode
from reverse_etl.destinations.intercom.destination import IntercomSettings
from reverse_etl.destinations.intercom.payloads import contact
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.intercom.api import Intercom
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

URL = "https://api.intercom.io"
CONTACT = Delivery("contact", mode=Mode.MIRROR)
TAG = Delivery("tag", "VIP", Mode.MIRROR)


@pytest.fixture
def intercom(fake_time: FakeTime) -> Destination:
    settings = IntercomSettings(access_token=SecretStr("tok"))
    return connect("intercom", settings, sleep=fake_time.sleep, clock=fake_time.clock)


@pytest.fixture
def simulated(sandbox: Running, fake_time: FakeTime) -> Destination:
    sandbox.sandbox.reset()
    settings = IntercomSettings(base_url=f"{sandbox.url}/intercom", access_token=SecretStr(Intercom.key))
    return connect("intercom", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def row(op: Op = Op.ADD, known_as: str | None = None, changed: tuple[str, ...] = (), **payload: Any) -> Row:
    return make_row("ann@example.com", op, known_as=known_as, changed=changed, email="ann@example.com", **payload)


def searched(*found: dict[str, Any]) -> None:
    responses.post(f"{URL}/contacts/search", json={"type": "list", "data": list(found), "total_count": len(found)})


def refusal(code: str, message: str = "") -> dict[str, Any]:
    return {"type": "error.list", "errors": [{"code": code, "message": message}]}


ANN = {"type": "contact", "id": "a1", "email": "Ann@example.com"}
IN_THE_WAY = "matching those details already exists with id=5da6f18e"


def test_moments_become_seconds_and_what_is_not_intercoms_an_attribute() -> None:
    values = {
        "name": "Ann",
        "signed_up_at": "2026-11-01T00:00:00",
        "external_id": None,
        "on": "2026-11-01",
        "tags": ["a"],
    }
    assert contact(values, {"on": "date", "tags": "string"}) == {
        "name": "Ann",
        "signed_up_at": 1793491200,
        "custom_attributes": {"on": 1793491200, "tags": '["a"]'},
    }


@responses.activate
def test_a_contact_that_the_search_does_not_know_yet_is_written_to_where_it_is(intercom: Destination) -> None:
    searched()
    responses.post(f"{URL}/contacts", status=409, json=refusal("conflict", f"A contact {IN_THE_WAY}"))
    update = responses.put(f"{URL}/contacts/5da6f18e", json=ANN)

    assert intercom.send(CONTACT, Op.ADD, [row(name="Ann")]) == [
        RowResult("ann@example.com", Outcome.APPLIED, destination_id="5da6f18e")
    ]
    assert update.calls[0].request.body == b'{"name":"Ann"}'
    assert update.calls[0].request.headers["Intercom-Version"] == "2.16"


@responses.activate
def test_an_archived_contact_is_left_to_people(intercom: Destination) -> None:
    searched()
    responses.post(f"{URL}/contacts", status=409, json=refusal("conflict", f"An archived contact {IN_THE_WAY}"))

    [found] = intercom.send(CONTACT, Op.ADD, [row(name="Ann")])
    assert (found.outcome, found.code) == (Outcome.INFO, "archived")


@responses.activate
def test_one_of_several_users_is_not_guessed(intercom: Destination) -> None:
    searched(ANN, ANN | {"id": "a2"})

    [found] = intercom.send(CONTACT, Op.ADD, [row(name="Ann")])
    assert (found.outcome, found.code) == (Outcome.INFO, "several")


@responses.activate
def test_a_contact_that_was_merged_is_written_to_where_it_went(intercom: Destination) -> None:
    link = {"Link": '</contacts/a9>; rel="canonical"'}
    responses.put(f"{URL}/contacts/a1", status=410, json=refusal("contact_merged"), headers=link)
    responses.put(f"{URL}/contacts/a9", json=ANN | {"id": "a9"})

    [found] = intercom.send(CONTACT, Op.CHANGE, [row(Op.CHANGE, "a1", ("name",), name="Ann", phone="+1")])
    assert (found.outcome, found.destination_id) == (Outcome.APPLIED, "a9")


@responses.activate
def test_a_contact_that_is_gone_is_looked_for_by_its_key_and_made_again_whole(intercom: Destination) -> None:
    responses.put(f"{URL}/contacts/a1", status=404, json=refusal("not_found"))
    searched()
    create = responses.post(f"{URL}/contacts", json=ANN | {"id": "a3"})

    [found] = intercom.send(CONTACT, Op.CHANGE, [row(Op.CHANGE, "a1", ("name",), name="Ann", phone="+1")])
    assert (found.outcome, found.destination_id) == (Outcome.APPLIED, "a3")
    assert create.calls[0].request.body == b'{"role":"user","email":"ann@example.com","name":"Ann","phone":"+1"}'


@responses.activate
def test_a_refused_value_is_told_by_its_code_alone(intercom: Destination) -> None:
    searched()
    responses.post(f"{URL}/contacts", status=400, json=refusal("parameter_invalid", "ann@example.com is bad"))

    with pytest.raises(BatchRefused, match="parameter_invalid") as raised:
        intercom.send(CONTACT, Op.ADD, [row(name="Ann")])
    assert "ann" not in str(raised.value)


@responses.activate
def test_a_missing_permission_is_named(intercom: Destination) -> None:
    responses.get(f"{URL}/me", status=403, json=refusal("forbidden"))

    with pytest.raises(DestinationRefused, match="Write users and companies"):
        intercom.check(CONTACT)


def test_an_attribute_that_is_not_there_or_was_retired_is_named_before_the_first_batch(simulated: Destination) -> None:
    fields = frozenset({"email", "name", "weft_tier", "weft_retired", "shoe_size"})

    with pytest.raises(DestinationRefused, match="shoe_size, weft_retired"):
        simulated.check(Delivery("contact", fields=fields))
    simulated.check(Delivery("contact", fields=fields - {"shoe_size", "weft_retired"}))


def test_a_removal_empties_what_is_ours_and_takes_nobody_away(simulated: Destination, sandbox: Running) -> None:
    simulated.send(CONTACT, Op.ADD, [row(name="Ann", plan="gold", weft_tier="gold", weft_retired=None)])
    removed = simulated.send(CONTACT, Op.REMOVE, [row(Op.REMOVE, name="Ann", weft_tier="gold", weft_retired="x")])
    nobody = simulated.send(CONTACT, Op.REMOVE, [make_row("no@example.com", Op.REMOVE, weft_tier="gold")])

    assert [(one.outcome.value, one.code) for one in (*removed, *nobody)] == [
        ("applied", ""),
        ("applied", "no_contact"),
    ]
    [left] = sandbox.accounts["intercom"].records
    assert left["custom_attributes"] == {"plan": "gold"}
    called = {(one["method"], one["path"]) for one in sandbox.accounts["intercom"].calls}
    assert ("DELETE", "/contacts/{contact_id}") not in called


@pytest.mark.parametrize("target", ["VIP", "vip", "7002"])
def test_a_tag_is_found_by_its_name_or_its_id(simulated: Destination, sandbox: Running, target: str) -> None:
    delivery = Delivery("tag", target, Mode.MIRROR)
    simulated.check(delivery)
    simulated.send(CONTACT, Op.ADD, [row(weft_tier="gold")])
    [tagged] = simulated.send(delivery, Op.ADD, [row()])

    assert list(simulated.members(delivery)) == [Member("ann@example.com", tagged.destination_id)]
    assert simulated.count(delivery) == Count(1, 1)
    assert simulated.send(delivery, Op.REMOVE, [row(Op.REMOVE, tagged.destination_id)])[0].outcome is Outcome.APPLIED
    assert simulated.count(delivery) == Count(0, 0)
    assert len(sandbox.accounts["intercom"].records) == 1


def test_a_tag_that_is_not_there_is_not_made(simulated: Destination, sandbox: Running) -> None:
    with pytest.raises(DestinationRefused, match="'Regulars'"):
        simulated.check(Delivery("tag", "Regulars"))
    assert "Regulars" not in str(sandbox.accounts["intercom"].lists)


def test_who_is_no_user_yet_is_tagged_later(simulated: Destination) -> None:
    [found] = simulated.send(TAG, Op.ADD, [row()])
    assert (found.outcome, found.code) == (Outcome.INFO, "not_found")
