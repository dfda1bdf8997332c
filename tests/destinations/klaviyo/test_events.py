"""Klaviyo's events: what is sent of a row, and what is held back so that the others are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from reverse_etl.destinations.klaviyo.events import event, unfit
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.rows import Op
from tests.destinations.conftest import FakeTime, make_row

URL = "https://a.klaviyo.com/api"
DELIVERY = Delivery("event", mode=Mode.APPEND, key="event_id")
ORDER: dict[str, Any] = {
    "event_id": "E-1",
    "event_name": "Ordered",
    "occurred_at": "2026-11-01 10:00:00.123",
    "email": "anna@example.com",
    "value": "12.50",
    "currency": "EUR",
    "items": ["tea"],
    "coupon": None,
}


@pytest.fixture
def klaviyo(fake_time: FakeTime) -> Destination:
    settings = KlaviyoSettings(api_key=SecretStr("pk_test"))
    return connect("klaviyo", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def test_an_event_carries_its_id_its_moment_in_utc_and_the_other_columns_as_properties() -> None:
    assert event(ORDER)["attributes"] == {
        "profile": {"data": {"type": "profile", "attributes": {"email": "anna@example.com"}}},
        "events": {
            "data": [
                {
                    "type": "event",
                    "attributes": {
                        "properties": {"items": ["tea"]},
                        "metric": {"data": {"type": "metric", "attributes": {"name": "Ordered"}}},
                        "unique_id": "E-1",
                        "time": "2026-11-01T10:00:00+00:00",
                        "value": 12.5,
                        "value_currency": "EUR",
                    },
                }
            ]
        },
    }


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"occurred_at": "2026-11-01T12:00:00+02:00", "value": None}, None),
        ({"email": None}, "no_identifier"),
        ({"email": None, "external_id": "C7"}, None),
        ({"occurred_at": "yesterday"}, "no_time"),
        ({"event_name": "x" * 128}, "no_name"),
        ({"value": "a lot"}, "no_number"),
        ({"value": True}, "no_number"),
        ({"note": "x" * 100_001}, "too_large"),
        ({f"p{n}": n for n in range(400)}, "too_large"),
    ],
)
def test_what_klaviyo_would_refuse_a_whole_call_for_is_known_before(changed: dict[str, Any], code: str | None) -> None:
    assert unfit(ORDER | changed) == code


@responses.activate
def test_a_call_that_was_taken_is_all_that_klaviyo_tells(klaviyo: Destination) -> None:
    call = responses.post(f"{URL}/event-bulk-create-jobs", status=202, body=b"")
    rows = [
        make_row(f"E-{n}", **(ORDER | {"event_id": f"E-{n}", "email": email}))
        for n, email in enumerate(("a@b.de", None))
    ]

    results = klaviyo.send(DELIVERY, Op.ADD, rows)

    assert [(one.outcome.value, one.code) for one in results] == [("applied", "taken"), ("permanent", "no_identifier")]
    [sent] = json.loads(call.calls[0].request.body or b"")["data"]["attributes"]["events-bulk-create"]["data"]
    assert sent["attributes"]["events"]["data"][0]["attributes"]["unique_id"] == "E-0"


@responses.activate
def test_a_call_that_is_refused_is_given_back_to_be_halved(klaviyo: Destination) -> None:
    error = {"code": "invalid", "detail": "anna@example.com is invalid", "title": "t", "id": "1"}
    responses.post(f"{URL}/event-bulk-create-jobs", status=400, json={"errors": [error]})

    with pytest.raises(BatchRefused, match="invalid") as raised:
        klaviyo.send(DELIVERY, Op.ADD, [make_row("E-1", **ORDER)])
    assert "anna" not in str(raised.value)


@responses.activate
def test_a_key_that_may_only_write_events_is_enough(klaviyo: Destination) -> None:
    responses.get(f"{URL}/events", status=403, json={"errors": []})
    klaviyo.check(DELIVERY)

    responses.replace("GET", f"{URL}/events", status=401, json={"errors": []})
    with pytest.raises(DestinationRefused):
        klaviyo.check(DELIVERY)
