"""What may be called of Braze, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values, as_text
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.braze.destination import BrazeSettings

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "calls": {"/users/track", "/subscription/status/get", "/v2/subscription/status/set"},
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"users/(?:delete|merge|identify)|external_ids/|email/|messages/|campaigns/|canvas/|opted_in")

AUDIENCE = "weft_winback"
GROUP = "e7c1a6f0-0000-4000-8000-000000000001"


def settings(stage: Stage) -> BrazeSettings:
    variables = stage.sandbox.environment()
    return BrazeSettings(base_url=variables["BRAZE_URL"], api_key=SecretStr(variables["BRAZE_API_KEY"]))


def users(stage: Stage) -> dict[str, Values]:
    return dict(as_text(own(record)) for record in stage.sandbox.accounts["braze"].records if "email" in record)


def own(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"external_id": record["external_id"], **record}


def audience(stage: Stage) -> dict[str, Values]:
    records = stage.sandbox.accounts["braze"].records
    return dict(as_text(own(record)) for record in records if record.get(AUDIENCE))


def in_audience(row: Values) -> tuple[str, Values]:
    return as_text({**row, AUDIENCE: True})


def events(stage: Stage) -> dict[str, Values]:
    return {
        one["properties"]["event_id"]: {"external_id": one["external_id"], "name": one["name"], **one["properties"]}
        for one in stage.sandbox.accounts["braze"].members("Events")
    }


def as_event(row: Values) -> tuple[str, Values]:
    properties = {name: row[name] for name in ("event_id", "order_id", "note")}
    return row["event_id"], {"external_id": row["external_id"], "name": row["event_name"], **properties}


def subscribers(stage: Stage) -> dict[str, Values]:
    return dict(as_text(member) for member in stage.sandbox.accounts["braze"].members(GROUP))


CASES = (
    Case(
        destination="braze",
        object="user",
        settings=settings,
        row=lambda n: {
            "external_id": f"u{n:06}",
            "email": f"person{n}@example.com",
            "first_name": f"Ann{n}",
            "favourite": f"tree {n}",
            "note": "short",
        },
        held=users,
        mode=Mode.UPSERT,
        filler="note",
        filler_length=60_000,
        text="first_name",
        clears="favourite",
        refused={"email": "nobody"},
    ),
    Case(
        destination="braze",
        object="audience",
        settings=settings,
        row=lambda n: {"external_id": f"a{n:06}"},
        held=audience,
        expected=in_audience,
        target=AUDIENCE,
    ),
    Case(
        destination="braze",
        object="event",
        settings=settings,
        row=lambda n: {
            "event_id": f"e{n:06}",
            "event_name": "order_placed",
            "occurred_at": "2026-11-22 10:00:00",
            "external_id": f"u{n:06}",
            "order_id": n,
            "note": "short",
        },
        held=events,
        expected=as_event,
        mode=Mode.APPEND,
        filler="note",
        filler_length=60_000,
        text="note",
        refused={"event_name": "x" * 256},
    ),
    Case(
        destination="braze",
        object="subscription_group",
        settings=settings,
        row=lambda n: {"external_id": f"s{n:06}"},
        held=subscribers,
        target=GROUP,
        missing_target="e7c1a6f0-0000-4000-8000-00000000ffff",
    ),
)
