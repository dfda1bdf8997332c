"""What may be called of Iterable, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re

from pydantic import SecretStr

from conformance.case import Case, Stage, Values, as_text
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.iterable.destination import IterableSettings

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "calls": {
        "/api/users/bulkUpdate",
        "/api/events/trackBulk",
        "/api/lists",
        "/api/lists/subscribe",
        "/api/lists/unsubscribe",
        "/api/lists/getUsers",
        "/api/lists/{}/size",
    },
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"forget|[uU]pdateSubscriptions|/api/subscriptions|users/merge|updateEmail|byUserId|campaignId")

LIST = "410001"


def settings(stage: Stage) -> IterableSettings:
    variables = stage.sandbox.environment()
    return IterableSettings(base_url=variables["ITERABLE_URL"], api_key=SecretStr(variables["ITERABLE_API_KEY"]))


def users(stage: Stage) -> dict[str, Values]:
    return dict(
        as_text({"email": record["email"], **record})
        for record in stage.sandbox.accounts["iterable"].records
        if record.get("firstName")
    )


def members(stage: Stage) -> dict[str, Values]:
    return {one["email"]: {"email": one["email"]} for one in stage.sandbox.accounts["iterable"].members(LIST)}


def events(stage: Stage) -> dict[str, Values]:
    return {
        one["id"]: {"email": one["email"], "event_name": one["eventName"], **one["dataFields"]}
        for one in stage.sandbox.accounts["iterable"].members("Events")
    }


def as_event(row: Values) -> tuple[str, Values]:
    return row["event_id"], {name: row[name] for name in ("email", "event_name", "order_id", "note")}


CASES = (
    Case(
        destination="iterable",
        object="user",
        settings=settings,
        row=lambda n: {
            "email": f"person{n}@example.com",
            "firstName": f"Ann{n}",
            "favourite": f"tree {n}",
            "note": "short",
        },
        held=users,
        mode=Mode.UPSERT,
        filler="note",
        text="firstName",
        clears="favourite",
        refused={"email": "nobody"},
    ),
    Case(
        destination="iterable",
        object="list",
        settings=settings,
        row=lambda n: {"email": f"member{n}@example.com"},
        held=members,
        target=LIST,
        refused={"email": "nobody"},
        missing_target="419999",
    ),
    Case(
        destination="iterable",
        object="event",
        settings=settings,
        row=lambda n: {
            "event_id": f"e{n:06}",
            "event_name": "order_placed",
            "occurred_at": "2026-11-22 10:00:00",
            "email": f"person{n}@example.com",
            "order_id": n,
            "note": "short",
        },
        held=events,
        expected=as_event,
        mode=Mode.APPEND,
        filler="note",
        text="note",
        refused={"email": "nobody"},
    ),
)
