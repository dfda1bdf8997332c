"""Customer.io: what is asked of it, what its answers allow to be said of each row, and what is never written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from conformance.case import Stage
from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy
from reverse_etl.destinations.customerio.destination import CustomerIoSettings
from reverse_etl.destinations.customerio.payloads import ulid
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.rows import Op, Row, RowResult
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

from .case import settings

URL = "https://track.customer.io"
PEOPLE = Delivery("person", key="id")
EVENTS = Delivery("event", key="event_id", mode=Mode.APPEND)
SEGMENT = Delivery("segment", "7", Mode.MIRROR, key="id")


@pytest.fixture
def customerio(fake_time: FakeTime) -> Destination:
    return connect(
        "customerio",
        CustomerIoSettings(site_id="site", api_key=SecretStr("key")),
        sleep=fake_time.sleep,
        clock=fake_time.clock,
    )


@pytest.fixture
def account(sandbox: Running, fake_time: FakeTime) -> Destination:
    return connect("customerio", settings(Stage(sandbox, Path())), sleep=fake_time.sleep, clock=fake_time.clock)


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def sent(call: responses.BaseResponse) -> list[dict[str, Any]]:
    batch: list[dict[str, Any]] = json.loads(call.calls[0].request.body or b"")["batch"]
    return batch


def event(key: str, **values: Any) -> Any:
    base = {"event_id": key, "event_name": "order_placed", "occurred_at": "2026-11-20 10:00:00", "id": "u1"}
    return make_row(key, **{**base, **values})


def test_the_address_follows_from_the_region_unless_it_is_given() -> None:
    def address(**given: Any) -> str:
        return CustomerIoSettings(site_id="s", api_key=SecretStr("k"), **given).base_url

    assert address() == "https://track.customer.io"
    assert address(region="eu") == "https://track-eu.customer.io"
    assert address(region="eu", base_url="https://proxy.example.com") == "https://proxy.example.com"


@responses.activate
def test_a_workspace_of_another_region_is_noticed_first(customerio: Destination) -> None:
    answer = {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 3}
    call = responses.get(f"{URL}/api/v1/accounts/region", json=answer)

    with pytest.raises(DestinationRefused, match="region: eu"):
        customerio.check(PEOPLE)

    assert call.calls[0].request.headers["Authorization"] == "Basic c2l0ZTprZXk="


@responses.activate
def test_a_change_carries_what_changed_and_removes_what_became_empty(customerio: Destination) -> None:
    call = responses.post(f"{URL}/api/v2/batch", json={})
    row = make_row("u1", Op.CHANGE, changed=("tier", "city"), id="u1", tier=None, city="Köln", name="Anna")

    assert outcomes(customerio.send(PEOPLE, Op.CHANGE, [row])) == {"u1": ("applied", "")}
    assert sent(call) == [
        {
            "type": "person",
            "identifiers": {"id": "u1"},
            "action": "identify",
            "attributes": {"tier": None, "city": "Köln"},
        }
    ]


@responses.activate
def test_a_change_that_writes_nothing_is_not_sent(customerio: Destination) -> None:
    delivery = Delivery("person", key="id", columns={"tier": NullPolicy.SKIP})
    row = make_row("u1", Op.CHANGE, changed=("tier",), id="u1", tier=None)

    assert outcomes(customerio.send(delivery, Op.CHANGE, [row])) == {"u1": ("applied", "nothing_to_write")}


@pytest.mark.parametrize(
    "column", ["unsubscribed", "cio_subscription_preferences", "cio_subscription_preferences.topics.topic_1", "_update"]
)
def test_consent_cannot_be_written(customerio: Destination, column: str) -> None:
    with pytest.raises(DestinationRefused, match="agreed to receive"):
        customerio.check(Delivery("person", key="id", fields=frozenset({"id", column})))
    with pytest.raises(DestinationRefused, match="agreed to receive"):
        customerio.send(PEOPLE, Op.ADD, [Row("u1", Op.ADD, {"id": "u1", column: False})])

    assert customerio.traffic.calls == 0


def test_an_event_cannot_send_its_messages_to_somebody_else(customerio: Destination) -> None:
    with pytest.raises(DestinationRefused, match="recipient"):
        customerio.send(EVENTS, Op.ADD, [event("e1", recipient="other@example.com")])

    assert customerio.traffic.calls == 0


def test_a_removal_empties_wefts_attributes_and_makes_nobody(account: Destination, sandbox: Running) -> None:
    kept = {"id": "leaver", "city": "Bonn", "weft_tier": "gold"}
    account.send(PEOPLE, Op.ADD, [Row("leaver", Op.ADD, kept)])

    removals = [Row("leaver", Op.REMOVE, kept), make_row("stranger", Op.REMOVE, id="stranger")]

    assert {one[0] for one in outcomes(account.send(PEOPLE, Op.REMOVE, removals)).values()} == {"applied"}
    people = {one["id"]: one for one in sandbox.accounts["customerio"].records}
    assert people["leaver"] == {"id": "leaver", "city": "Bonn"}
    assert "stranger" not in people


def test_a_removal_without_attributes_of_weft_changes_nothing(customerio: Destination) -> None:
    row = make_row("u1", Op.REMOVE, id="u1", city="Bonn")

    assert outcomes(customerio.send(PEOPLE, Op.REMOVE, [row])) == {"u1": ("applied", "no_columns")}
    assert customerio.traffic.calls == 0


def test_an_event_that_is_sent_again_is_not_processed_again(account: Destination, sandbox: Running) -> None:
    rows = [event("again-1"), event("again-2")]
    before = sandbox.accounts["customerio"].lists["events"]

    for _ in range(2):
        assert set(outcomes(account.send(EVENTS, Op.ADD, rows)).values()) == {("applied", "")}

    assert sandbox.accounts["customerio"].lists["events"] == before + 2


def test_the_id_of_an_event_is_always_the_same_ulid() -> None:
    made = ulid("order-1", 1_795_168_800)

    assert made == ulid("order-1", 1_795_168_800)
    assert len({made, ulid("order-2", 1_795_168_800), ulid("order-1", 1_795_168_801)}) == 3
    assert made[:10] == "01M7W6C380"  # the first ten characters of a ULID are its millisecond
    assert len(made) == 26
    assert ulid("01bx5zzkbkactav9wevgemmvry", None) == "01BX5ZZKBKACTAV9WEVGEMMVRY"
    assert ulid("x", None).startswith("0000000000")


@pytest.mark.parametrize(
    ("occurred_at", "told"),
    [
        ("2026-11-20 10:00:00", 1_795_168_800),
        ("2026-11-20T10:00:00.250Z", 1_795_168_800),
        ("2026-11-20T11:00:00+01:00", 1_795_168_800),
        (1_795_168_800, 1_795_168_800),
    ],
)
@responses.activate
def test_times_are_told_in_seconds(customerio: Destination, occurred_at: Any, told: int) -> None:
    call = responses.post(f"{URL}/api/v2/batch", json={})

    customerio.send(EVENTS, Op.ADD, [event("e1", occurred_at=occurred_at)])
    assert sent(call)[0]["timestamp"] == told


@responses.activate
def test_an_event_of_nobody_or_at_no_time_is_not_sent(customerio: Destination) -> None:
    call = responses.post(f"{URL}/api/v2/batch", json={})
    rows = [event("nobody", id=None), event("when", occurred_at="soon"), event("mail", id=None, email="a@example.com")]

    assert outcomes(customerio.send(EVENTS, Op.ADD, rows)) == {
        "nobody": ("permanent", "no_person"),
        "when": ("permanent", "bad_time"),
        "mail": ("applied", ""),
    }
    assert [one["identifiers"] for one in sent(call)] == [{"email": "a@example.com"}]


ROWS = [make_row("u1", id="u1"), make_row("u2", id="u2"), make_row("u3", id="u3")]


@pytest.mark.parametrize("status", [200, 207])
@responses.activate
def test_a_refused_row_is_known_by_its_place(customerio: Destination, status: int) -> None:
    error = {"batch_index": 1, "reason": "invalid", "field": "identifiers.id", "message": "u2@example.com"}
    responses.post(f"{URL}/api/v2/batch", status=status, json={"errors": [error]})

    results = customerio.send(PEOPLE, Op.ADD, ROWS)

    assert outcomes(results) == {"u1": ("applied", ""), "u2": ("permanent", "invalid"), "u3": ("applied", "")}
    assert "example.com" not in str(results)


@responses.activate
def test_a_refusal_without_a_place_is_found_by_halving(customerio: Destination) -> None:
    responses.post(f"{URL}/api/v2/batch", status=207, json={"errors": [{"reason": "something else entirely"}]})

    with pytest.raises(BatchRefused):
        customerio.send(PEOPLE, Op.ADD, ROWS)
    assert outcomes(customerio.send(PEOPLE, Op.ADD, ROWS[:1])) == {"u1": ("permanent", "other")}


@responses.activate
def test_a_row_that_is_too_large_is_not_sent(customerio: Destination) -> None:
    responses.post(f"{URL}/api/v2/batch", json={})
    rows = [make_row("u1", id="u1", note="x" * 33_000), ROWS[1]]

    assert outcomes(customerio.send(PEOPLE, Op.ADD, rows)) == {"u1": ("permanent", "too_large"), "u2": ("applied", "")}


@pytest.mark.parametrize("target", [None, "", "win-back", "../customers", "\uff17"])
def test_a_segment_that_is_no_number_is_refused_without_a_call(customerio: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="number"):
        customerio.check(Delivery("segment", target, key="id"))

    assert customerio.traffic.calls == 0


def test_a_segment_that_is_not_there_stops_the_run(account: Destination) -> None:
    with pytest.raises(DestinationRefused, match="manual segment"):
        account.send(Delivery("segment", "999", key="id"), Op.ADD, ROWS)


def test_leaving_a_segment_keeps_the_person(account: Destination, sandbox: Running) -> None:
    row = make_row("member", id="member")
    account.send(SEGMENT, Op.ADD, [row])
    account.send(SEGMENT, Op.REMOVE, [row])

    assert {"id": "member"} in sandbox.accounts["customerio"].records
    assert {"id": "member"} not in sandbox.accounts["customerio"].members("7")


@pytest.mark.parametrize("op", [Op.ADD, Op.REMOVE])
@responses.activate
def test_a_row_is_measured_at_least_as_long_as_it_is_sent(customerio: Destination, op: Op) -> None:
    call = responses.post(f"{URL}/api/v2/batch", json={})
    people = [
        make_row("u1", op, id="u1", weft_a=1, weft_b=""),
        make_row("ünï\\", op, id="ünï\\", email="a@example.com", weft_a="x" * 99),
    ]
    customerio.send(PEOPLE, op, people)
    assert len(call.calls[0].request.body or b"") <= sum(customerio.size(PEOPLE, row) for row in people) + 20

    orders = [event("o1"), event("ö" * 40, note="x", total=None)]
    customerio.send(EVENTS, Op.ADD, orders)
    assert len(call.calls[1].request.body or b"") <= sum(customerio.size(EVENTS, row) for row in orders) + 20
