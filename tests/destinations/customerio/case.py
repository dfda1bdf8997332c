"""What may be called of Customer.io, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.customerio.destination import CustomerIoSettings

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": {
        "/api/v1/accounts/region",
        "/api/v2/batch",
        "/api/v1/segments/{}/add_customers",
        "/api/v1/segments/{}/remove_customers",
    },
    "payloads": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"suppress|^delete|^merge|/customers/")

SEGMENT = "7"


def settings(stage: Stage) -> CustomerIoSettings:
    env = stage.sandbox.environment()
    return CustomerIoSettings(
        base_url=env["CUSTOMERIO_URL"],
        site_id=env["CUSTOMERIO_SITE_ID"],
        api_key=SecretStr(env["CUSTOMERIO_API_KEY"]),
    )


def text(values: Values) -> dict[str, str]:
    return {column: str(value) for column, value in values.items()}


def people(stage: Stage) -> Mapping[str, Values]:
    """Who carries an attribute of weft's."""
    found = [text(one) for one in stage.sandbox.accounts["customerio"].records]
    return {one["id"]: one for one in found if any(column.startswith("weft_") for column in one)}


def in_segment(stage: Stage) -> Mapping[str, Values]:
    return {one["id"]: {"id": one["id"]} for one in stage.sandbox.accounts["customerio"].members(SEGMENT)}


def events(stage: Stage) -> Mapping[str, Values]:
    return {
        event["attributes"]["order_no"]: {
            "name": event["name"],
            "at": str(event["timestamp"]),
            **text(event["identifiers"]),
            **text(event["attributes"]),
        }
        for event in stage.sandbox.accounts["customerio"].members("events")
    }


def person(n: int) -> dict[str, Any]:
    return {
        "id": f"u{n}",
        "email": f"person{n}@example.com",
        "first_name": f"Anna {n}",
        "weft_tier": f"tier {n}",
        "weft_orders": n,
    }


def event(n: int) -> dict[str, Any]:
    return {
        "event_id": f"order-{n}",
        "event_name": "order_placed",
        "occurred_at": "2026-11-20 10:00:00",
        "id": f"u{n}",
        "order_no": f"order-{n}",
        "total": n,
        "note": "by post",
    }


def recorded(row: Values) -> tuple[str, dict[str, str]]:
    kept = {column: str(row[column]) for column in ("id", "order_no", "total", "note") if row.get(column) is not None}
    return str(row["order_no"]), {"name": str(row["event_name"]), "at": "1795168800", **kept}


CASES = (
    Case(
        destination="customerio",
        object="person",
        settings=settings,
        row=person,
        held=people,
        filler="first_name",
        filler_length=900,  # a value has at most 1,000 bytes
        text="first_name",
        clears="weft_tier",
        refused={"first_name": "x" * 1_001},
    ),
    Case(
        destination="customerio",
        object="event",
        settings=settings,
        row=event,
        held=events,
        expected=recorded,
        mode=Mode.APPEND,
        filler="note",
        text="note",
        refused={"event_name": ""},
    ),
    Case(
        destination="customerio",
        object="segment",
        settings=settings,
        row=lambda n: {"id": f"s{n}"},
        held=in_segment,
        target=SEGMENT,
        missing_target="winback",
    ),
)
