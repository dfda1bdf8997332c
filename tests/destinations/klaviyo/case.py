"""What may be called of Klaviyo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from sandbox.klaviyo.api import Klaviyo

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "specs": set(),
    "events": {"/api/events", "/api/event-bulk-create-jobs"},
    "profiles": {
        "/api/lists",
        "/api/lists/{}",
        "{}/profiles",
        "{}/relationships/profiles",
        "/api/profiles",
        "/api/profile-import",
        "/api/profile-merge",
        "/api/profile-bulk-import-jobs",
        "/api/profile-bulk-import-jobs/{}",
        "{}/import-errors",
    },
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"subscription|suppression|privacy")

LIST = "WINBACK"


def settings(stage: Stage) -> KlaviyoSettings:
    """The simulated account's."""
    return KlaviyoSettings(base_url=f"{stage.sandbox.url}/klaviyo", api_key=SecretStr(Klaviyo.key))


def row(n: int) -> dict[str, Any]:
    """A profile."""
    return {
        "email": f"person{n}@example.com",
        "phone_number": f"+4915{n:09d}",
        "first_name": f"Ann {n}",
        "city": f"Town {n}",
        "tier": f"tier {n}",
    }


def flat(record: Mapping[str, Any]) -> tuple[str, Values]:
    """A profile as the simulator keeps it, as a row."""
    values = {**record, **record.get("location", {}), **record.get("properties", {})}
    return record["email"], {name: str(values[name]) for name in row(0) if values.get(name) not in (None, "")}


def members(stage: Stage) -> dict[str, Values]:
    """Whom the list holds."""
    return dict(map(flat, stage.sandbox.accounts["klaviyo"].members(LIST)))


def profiles(stage: Stage) -> dict[str, Values]:
    """Whom the account holds."""
    return dict(map(flat, stage.sandbox.accounts["klaviyo"].records))


def event(n: int) -> dict[str, Any]:
    """An event."""
    return {
        "event_id": f"E-{n}",
        "event_name": "Ordered",
        "occurred_at": "2026-11-01T10:00:00+00:00",
        "email": f"person{n}@example.com",
        "value": n + 0.5,
        "currency": "EUR",
        "note": f"note {n}",
    }


def events(stage: Stage) -> dict[str, Values]:
    """The events that the account holds."""
    held: dict[str, Values] = {}
    for one in stage.sandbox.accounts["klaviyo"].members("Events"):
        told = {**one["properties"], "event_id": one["unique_id"], "event_name": one["metric"], "email": one["email"]}
        told |= {"occurred_at": one["time"], "value": one["value"], "currency": one["value_currency"]}
        held[one["unique_id"]] = {name: str(value) for name, value in told.items()}
    return held


CASES = (
    Case(
        destination="klaviyo",
        object="list",
        settings=settings,
        row=row,
        held=members,
        target=LIST,
        filler="tier",
        text="first_name",
        clears="tier",
        refused={"phone_number": "+49"},
        missing_target="NOLIST",
    ),
    Case(
        destination="klaviyo",
        object="profile",
        settings=settings,
        row=row,
        held=profiles,
        mode=Mode.UPSERT,
        filler="tier",
        text="first_name",
        clears="first_name",
        refused={"phone_number": "+49"},
    ),
    Case(
        destination="klaviyo",
        object="event",
        settings=settings,
        row=event,
        held=events,
        mode=Mode.APPEND,
        filler="note",
        text="note",
        refused={"email": "not-an-address"},
    ),
)
