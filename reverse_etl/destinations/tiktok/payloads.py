"""The bodies of TikTok's calls: identifiers of an audience, and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from reverse_etl.destinations.moments import moment
from reverse_etl.destinations.money import currency, number
from reverse_etl.hashing.table import columns, told
from reverse_etl.hashing.vendors import TIKTOK_EVENTS, TIKTOK_SEGMENT
from reverse_etl.wire import encode

_ID_FRAME: Final = 120  # of an identifier: its hash, the audience's id and what is around them

EVENT: Final = frozenset({"event_id", "event_name", "occurred_at", "limited_data_use"})
USER: Final = frozenset({"ttclid", "ttp", "ip", "user_agent", "locale"})
PAGE: Final = frozenset({"url", "referrer"})
LEAD: Final = frozenset({"lead_id", "lead_event_source"})
COLUMNS: Final = EVENT | USER | PAGE | LEAD | {"value", "currency"} | columns(TIKTOK_EVENTS)
REQUIRED: Final = frozenset({"event_id", "event_name", "occurred_at"})
SOURCES: Final = ("web", "offline", "crm")

_ALONE_TOO_LITTLE: Final = frozenset({"locale", "user_agent"})


class Source(NamedTuple):
    """Where events happened, and TikTok's id of it."""

    kind: str
    id: str


def member(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return what TikTok is told of a person: the kind of an identifier to its hash."""
    return told(TIKTOK_SEGMENT, payload)


def mapping(advertiser: str, audience: str, action: str, people: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the body that adds people to an audience or deletes them, with the kinds that any of them has.

    Every person has a place for every kind. One that they do not have is an empty object: so do the connectors of
    others, and TikTok's document does not say.
    """
    schema = [field.name for field in TIKTOK_SEGMENT if any(field.name in person for person in people)]
    rows = [
        [{"id": person[kind], "audience_ids": [audience]} if kind in person else {} for kind in schema]
        for person in people
    ]
    return {"advertiser_ids": [advertiser], "action": action, "id_schema": schema, "batch_data": rows}


def member_size(payload: Mapping[str, Any]) -> int:
    """Return the bytes that a person adds to a body, at most."""
    present = sum(payload.get(field.column) is not None for field in TIKTOK_SEGMENT)
    return 2 + 3 * len(TIKTOK_SEGMENT) + _ID_FRAME * present


def event(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TikTok is told of a row; its time is left out where the row has none that can be read."""
    parts: dict[str, dict[str, Any]] = {
        "user": {**told(TIKTOK_EVENTS, payload)},
        "properties": {},
        "page": {},
        "lead": {},
    }
    for column, value in payload.items():
        if value is None:
            continue
        if column in USER:
            parts["user"][column] = str(value)
        elif column in PAGE:
            parts["page"][column] = str(value)
        elif column in LEAD:
            parts["lead"][column] = str(value)
        elif column == "currency":
            parts["properties"][column] = currency(value)
        elif column == "value":
            parts["properties"][column] = number(value)
        elif column not in COLUMNS:
            parts["properties"][column] = value
    body: dict[str, Any] = {"event": str(payload.get("event_name") or ""), "event_id": str(payload["event_id"])}
    at = moment(payload.get("occurred_at"))
    if at is not None:
        body["event_time"] = int(at.timestamp())
    if payload.get("limited_data_use") is not None:
        body["limited_data_use"] = bool(payload["limited_data_use"])
    return body | {name: part for name, part in parts.items() if part}


def problem(body: Mapping[str, Any], kind: str) -> str:
    """Return the code of what keeps an event from being sent; empty where nothing does."""
    if "event_time" not in body:
        return "no_time"
    if kind == "web" and "url" not in body.get("page", {}):
        return "page"
    if kind == "crm":
        return "" if body.get("lead", {}).get("lead_id") else "lead"
    return "" if body.get("user", {}).keys() - _ALONE_TOO_LITTLE else "nobody"


def event_size(payload: Mapping[str, Any]) -> int:
    """Return the bytes that an event adds to a body, at most: a hashed value counts as its hash and as itself."""
    return 200 + sum(len(column) + 80 + len(encode(value)) for column, value in payload.items() if value is not None)
