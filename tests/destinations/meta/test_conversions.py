"""Meta's conversions: the bodies of events, what is kept from being sent, and what an answer says of each."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.meta import events
from reverse_etl.destinations.meta.destination import MetaSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, RowResult
from tests.destinations.conftest import FakeTime, make_row

DATASET = "130000000000001"
URL = f"https://graph.facebook.com/v25.0/{DATASET}"
DELIVERY = Delivery("conversion", DATASET, Mode.APPEND, "event_id")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = datetime.now(UTC)


@pytest.fixture
def meta(fake_time: FakeTime) -> Destination:
    return connect("meta", MetaSettings(access_token=SecretStr("token")), sleep=fake_time.sleep, clock=fake_time.clock)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def purchase(event_id: str = "order-1", at: datetime | str | None = None, **payload: Any) -> dict[str, Any]:
    occurred_at = at if isinstance(at, str) else (at or TODAY).isoformat()
    return {
        "event_id": event_id,
        "event_name": "Purchase",
        "occurred_at": occurred_at,
        "action_source": "physical_store",
        "email": f"{event_id}@example.com",
        "value": 12.5,
        "currency": "eur",
    } | payload


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def test_an_event_has_its_time_in_seconds_its_person_hashed_and_the_rest_as_custom_data() -> None:
    row = purchase(at="2026-11-22 11:30:00", phone="0170 1234567", country="DE", order_number="A-1", city=None)

    assert events.event(row) == {
        "event_id": "order-1",
        "event_name": "Purchase",
        "event_time": 1_795_347_000,
        "action_source": "physical_store",
        "user_data": {"em": [sha256("order-1@example.com")], "ph": [sha256("491701234567")], "country": [sha256("de")]},
        "custom_data": {"value": 12.5, "currency": "EUR", "order_number": "A-1"},
    }


def test_what_the_browser_told_goes_as_it_is() -> None:
    clicked = {"fbc": "fb.1.1554763741205.abc", "fbp": "fb.1.2.3", "client_ip_address": "2001:db8::1", "lead_id": "42"}

    body = events.event(purchase(event_source_url="https://shop.example.com/x", opt_out=True, **clicked))

    assert body["user_data"].items() >= (clicked | {"lead_id": 42}).items()
    assert (body["event_source_url"], body["opt_out"]) == ("https://shop.example.com/x", True)


def test_limited_data_use_is_asked_for_of_the_events_that_say_so_alone() -> None:
    limited = {
        "data_processing_options": ["LDU"],
        "data_processing_options_country": 0,
        "data_processing_options_state": 0,
    }
    unlimited = events.event(purchase(limited_data_use=False))

    assert events.event(purchase(limited_data_use=True)) == unlimited | limited


@pytest.mark.parametrize(
    ("at", "utc"),
    [
        ("2026-11-22T11:30:00Z", 1_795_347_000),
        ("2026-11-22T12:30:00+01:00", 1_795_347_000),
        ("2026-11-22 11:30:00.750", 1_795_347_000),
        (datetime(2026, 11, 22, 11, 30), 1_795_347_000),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_without_a_zone_are_in_utc(at: Any, utc: int | None) -> None:
    assert events.event(purchase() | {"occurred_at": at}).get("event_time") == utc


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (purchase(at=NOW), ""),
        (purchase(at=NOW - timedelta(days=61)), ""),
        (purchase(at=NOW - timedelta(days=62)), "too_old"),
        (purchase(at=NOW - timedelta(days=6), action_source="email"), ""),
        (purchase(at=NOW - timedelta(days=7), action_source="email"), "too_old"),
        (purchase(at=NOW - timedelta(days=7) + timedelta(minutes=5), action_source="app"), "too_old"),
        (purchase(at="never"), "no_time"),
        (purchase(at=NOW, action_source="shop"), "action_source"),
        (purchase(at=NOW, action_source=None), "action_source"),
        (purchase(at=NOW, action_source="website"), "website"),
        (purchase(at=NOW, action_source="website", client_user_agent="ua", event_source_url="https://x.de"), ""),
        (purchase(at=NOW, value=None), "purchase"),
        (purchase(at=NOW, value="a lot"), "purchase"),
        (purchase(at=NOW, value="12.50"), ""),
        (purchase(at=NOW, currency="euro"), "purchase"),
        (purchase(at=NOW, event_name="Lead", value=None, currency=None), ""),
        (purchase(at=NOW, email=None), "nobody"),
        (purchase(at=NOW, email="n/a", gender="f", country="DE"), "nobody"),
    ],
)
def test_what_meta_would_refuse_the_whole_call_for_is_noticed_before(row: dict[str, Any], code: str) -> None:
    assert events.problem(events.event(row), NOW) == code


@responses.activate
def test_an_event_that_is_too_old_does_not_take_the_others_with_it(meta: Destination) -> None:
    call = responses.post(f"{URL}/events", json={"events_received": 1, "messages": [], "fbtrace_id": "x"})
    old = purchase("old", datetime.now(UTC) - timedelta(days=63))
    rows = [make_row("order-1", **purchase()), make_row("old", **old)]

    assert outcomes(meta.send(DELIVERY, Op.ADD, rows)) == {
        "order-1": ("applied", ""),
        "old": ("permanent", "too_old"),
    }
    body = json.loads(call.calls[0].request.body or b"")
    assert [event["event_id"] for event in body["data"]] == ["order-1"]
    # Events of a test code count for ads all the same, so there is no way to send one.
    assert set(body) == {"data"}


@responses.activate
def test_nothing_is_called_for_events_that_cannot_be_sent(meta: Destination) -> None:
    rows = [make_row("order-1", **purchase(email=None))]

    assert outcomes(meta.send(DELIVERY, Op.ADD, rows)) == {"order-1": ("permanent", "nobody")}
    assert meta.traffic.calls == 0


@pytest.mark.parametrize("subcode", [2804003, 2804050, None])
@responses.activate
def test_a_refused_call_is_given_back_to_be_halved(meta: Destination, subcode: int | None) -> None:
    error = {"message": "order-1@example.com", "code": 100} | ({"error_subcode": subcode} if subcode else {})
    responses.post(f"{URL}/events", status=400, json={"error": error})

    with pytest.raises(BatchRefused) as raised:
        meta.send(DELIVERY, Op.ADD, [make_row("order-1", **purchase())])

    assert raised.value.code == (f"100/{subcode}" if subcode else "100")
    assert "order-1" not in str(raised.value)


@pytest.mark.parametrize("answer", [{"events_received": 2}, {}, [], {"events_received": "1"}])
@responses.activate
def test_a_count_that_does_not_add_up_leaves_the_events_in_doubt(meta: Destination, answer: Any) -> None:
    responses.post(f"{URL}/events", json=answer)

    assert outcomes(meta.send(DELIVERY, Op.ADD, [make_row("order-1", **purchase())])) == {
        "order-1": ("ambiguous", "miscounted")
    }


@responses.activate
def test_a_call_that_may_have_arrived_is_not_repeated(meta: Destination) -> None:
    call = responses.post(f"{URL}/events", status=502, body="")

    with pytest.raises(AmbiguousCall):
        meta.send(DELIVERY, Op.ADD, [make_row("order-1", **purchase())])

    assert len(call.calls) == 1
    assert not meta.objects["conversion"].idempotent


@responses.activate
def test_a_dataset_that_is_not_there_is_noticed_before_anything_is_sent(meta: Destination) -> None:
    responses.get(URL, json={"id": DATASET})
    meta.check(DELIVERY)

    responses.replace("GET", URL, status=400, json={"error": {"code": 100, "error_subcode": 33}})
    with pytest.raises(DestinationRefused, match="no such audience or dataset"):
        meta.check(DELIVERY)
    with pytest.raises(DestinationRefused, match="dataset is named by its id"):
        meta.check(Delivery("conversion", "my pixel", Mode.APPEND, "event_id"))


def test_an_event_is_measured_at_least_as_long_as_it_is_sent(meta: Destination) -> None:
    for payload in (purchase(), purchase(note="ünï\\\n😀" * 50, phone="+491701234567", limited_data_use=True)):
        sent = make_row("order-1", **payload)
        assert meta.size(DELIVERY, sent) >= len(encode(events.event(payload))) + 1
