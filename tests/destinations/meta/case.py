"""What may be called of Meta, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.meta.destination import MetaSettings
from sandbox.meta.api import Meta

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "answers": set(),
    "audience": set(),
    "destination": {"/{}/{}", "{}/events", "{}/users"},
    "events": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code. Events of a test code count.
HARMFUL = re.compile(r"usersreplace|delete_all|test_event_code")

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def settings(stage: Stage) -> MetaSettings:
    """The simulated account's."""
    return MetaSettings(base_url=f"{stage.sandbox.url}/meta", access_token=SecretStr(Meta.key))


def row(n: int) -> dict[str, Any]:
    """A person."""
    return {
        "external_id": f"crm-{n:07d}",
        "email": f"person{n}@example.com",
        "phone": f"+4915{n:09d}",
    }


def expected(row: Values) -> tuple[str, Values]:
    """An entry of the audience."""
    hashed = {"EMAIL": row["email"], "PHONE": row["phone"].lstrip("+")}
    entry = {name: sha256(value.encode()).hexdigest() for name, value in hashed.items()}
    return row["external_id"], {"EXTERN_ID": row["external_id"], **entry}


def audience(stage: Stage) -> dict[str, Values]:
    """Whom the audience holds."""
    return {entry["EXTERN_ID"]: entry for entry in stage.sandbox.accounts["meta"].members(Meta.audience)}


def purchase(n: int) -> dict[str, Any]:
    """A purchase in a shop."""
    return {
        "event_id": f"order-{n:07d}",
        "event_name": "Purchase",
        "occurred_at": HOUR_AGO.isoformat(),
        "action_source": "physical_store",
        "email": f"person{n}@example.com",
        "value": 10.5,
        "currency": "EUR",
        "note": f"number {n}",
    }


def reported(row: Values) -> tuple[str, Values]:
    """An event."""
    return row["event_id"], {
        "name": row["event_name"],
        "at": int(HOUR_AGO.timestamp()),
        "em": [sha256(row["email"].encode()).hexdigest()],
        "custom": {"value": 10.5, "currency": "EUR", "note": row["note"]},
    }


def events(stage: Stage) -> dict[str, Values]:
    """What was reported."""
    return {
        event["event_id"]: {
            "name": event["event_name"],
            "at": event["event_time"],
            "em": event["user_data"]["em"],
            "custom": event["custom_data"],
        }
        for event in stage.sandbox.accounts["meta"].members(Meta.dataset)
    }


CASES = (
    Case(
        destination="meta",
        object="custom_audience",
        settings=settings,
        row=row,
        held=audience,
        expected=expected,
        target=Meta.audience,
        refuses=lambda row: str(expected(row)[1]["EMAIL"]),
        missing_target="999",
    ),
    Case(
        destination="meta",
        object="conversion",
        settings=settings,
        row=purchase,
        held=events,
        expected=reported,
        target=Meta.dataset,
        mode=Mode.APPEND,
        filler="note",
        text="note",
        refused={"event_name": "Lead", "currency": "EURO"},
        missing_target="999",
    ),
)
