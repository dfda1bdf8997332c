"""What a Customer.io workspace takes as one operation, and what it does about it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from sandbox.store import Record, Store

ACCOUNT = "customerio"
EVENTS = "events"
MAX_ITEM = 32 * 1024
MAX_ATTRIBUTES = 300
MAX_NAME, MAX_VALUE, MAX_EVENT_NAME, MAX_EVENT_DATA = 150, 1_000, 100, 100_000  #: bytes
IDENTIFIERS = {"id", "email", "phone", "cio_id"}
PERSON_ACTIONS = {
    *("identify", "event", "screen", "page", "delete", "suppress", "unsuppress", "merge"),
    *("add_relationships", "delete_relationships", "add_device", "delete_device"),
}
OBJECT_ACTIONS = {"identify", "identify_anonymous", "delete", "add_relationships", "delete_relationships"}
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
E164 = re.compile(r"^\+[1-9]\d{6,14}$")
ULID = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$", re.IGNORECASE)

Problem = tuple[str, str, str]  # reason, field, message


def problem_of(item: Any) -> Problem | None:
    """Return why an operation is refused: reason, field and message; ``None`` where it is taken."""
    if not isinstance(item, dict):
        return "invalid", "", "must be an object"
    if len(orjson.dumps(item)) > MAX_ITEM:
        return "invalid", "", "must be 32kb or smaller"
    kind, action = item.get("type"), item.get("action")
    if kind == "object":
        return None if action in OBJECT_ACTIONS else ("invalid", "action", "is not an action of objects")
    if kind == "delivery":
        return None if action == "event" else ("invalid", "action", "is not an action of deliveries")
    if kind != "person":
        return "invalid", "type", "must be person, object or delivery"
    if action not in PERSON_ACTIONS:
        return "invalid", "action", "is not an action of people"
    if action == "merge":
        named = isinstance(item.get("primary"), dict) and isinstance(item.get("secondary"), dict)
        return None if named else ("required", "primary", "must name two people")
    return _unnamed(item.get("identifiers")) or _attributes_of(item)


def _unnamed(identifiers: Any) -> Problem | None:
    if not isinstance(identifiers, dict) or not identifiers:
        return "required", "identifiers", "must name a person"
    if len(identifiers) > 1 or set(identifiers) - IDENTIFIERS:
        return "invalid", "identifiers", "must be one of id, email, phone or cio_id"
    [(name, value)] = identifiers.items()
    if not isinstance(value, str) or not value:
        return "invalid", f"identifiers.{name}", "must be a string that is not empty"
    if name == "email" and not EMAIL.match(value):
        return "invalid", "identifiers.email", "is not an email address"
    if name == "phone" and not E164.match(value):
        return "invalid", "identifiers.phone", "is not a phone number in E.164"
    return None


def _attributes_of(item: Mapping[str, Any]) -> Problem | None:
    attributes = item.get("attributes", {})
    if not isinstance(attributes, dict):
        return "invalid", "attributes", "must be an object"
    if not isinstance(item.get("timestamp", 0), int):
        return "invalid", "timestamp", "must be a unix timestamp"
    if item["action"] in ("event", "screen", "page"):
        name = item.get("name")
        if not isinstance(name, str) or not name.strip():
            return "required", "name", "must not be blank"
        if len(name.encode()) > MAX_EVENT_NAME:
            return "invalid", "name", "cannot be longer than 100 bytes"
        if "id" in item and not (isinstance(item["id"], str) and ULID.match(item["id"])):
            return "invalid", "id", "must be a ULID"
        return None
    if item["action"] == "identify":
        if len(attributes) > MAX_ATTRIBUTES:
            return "invalid", "attributes", "cannot identify more than 300 attributes in one request"
        for name, value in attributes.items():
            if len(name.encode()) > MAX_NAME:
                return "invalid", "attributes", "attribute name cannot be longer than 150 bytes"
            if isinstance(value, str) and len(value) * 4 > MAX_VALUE and len(value.encode()) > MAX_VALUE:
                return "invalid", f"attributes.{name}", "value cannot be longer than 1000 bytes"
    return None


class Workspace:
    """The people and events of one workspace."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def apply(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Do what operations say, in their order."""
        people = self._known([item["identifiers"] for item in items if "identifiers" in item])
        changed: dict[str, Record] = {}
        events: list[tuple[str, dict[str, Any]]] = []
        for item in items:
            if item["type"] != "person":
                continue
            if item["action"] == "identify":
                self._identify(item, people, changed)
            elif item["action"] in ("event", "screen", "page"):
                event = {name: value for name, value in item.items() if name not in ("type", "action")}
                events.append((str(item.get("id", uuid.uuid4().hex)).upper(), event))
            elif item["action"] in ("delete", "suppress"):
                self._forget(item, people)
        self.store.put_records(ACCOUNT, changed.values())
        self._record(events)

    def _known(self, identifiers: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], Record]:
        """Return the people that are named, by what names them."""
        wanted: dict[str, list[str]] = {}
        for one in identifiers:
            for name, value in one.items():
                wanted.setdefault(name, []).append(value.lower() if name == "email" else value)
        columns = {"id": "external_id", "email": "email", "phone": "phone", "cio_id": "id"}
        return {
            (name, value): Record(row["id"], row["data"], row["email"], row["phone"], row["external_id"])
            for name, values in wanted.items()
            if name in columns
            for value, row in self.store.find_records(ACCOUNT, columns[name], values).items()
        }

    def _identify(
        self, item: Mapping[str, Any], people: dict[tuple[str, str], Record], changed: dict[str, Record]
    ) -> None:
        [(name, value)] = item["identifiers"].items()
        key = (name, value.lower() if name == "email" else value)
        attributes = dict(item.get("attributes", {}))
        only_update = attributes.pop("_update", False) is True
        known = people.get(key)
        if known is None and (only_update or name == "cio_id"):
            return
        cio_id = known.id if known else uuid.uuid4().hex[:12]
        data = {**(known.data if known else {}), **attributes, name: value}
        data = {column: kept for column, kept in data.items() if kept not in (None, "")}
        email, phone, external_id = (str(data.get(one, "")) for one in ("email", "phone", "id"))
        changed[cio_id] = people[key] = Record(cio_id, data, email.lower(), phone, external_id)

    def _forget(self, item: Mapping[str, Any], people: dict[tuple[str, str], Record]) -> None:
        [(name, value)] = item["identifiers"].items()
        known = people.pop((name, value.lower() if name == "email" else value), None)
        if known:
            self.store.delete_record(ACCOUNT, known.id)
        if item["action"] == "suppress":
            self.store.execute("insert or ignore into blocked values (?, ?, 'suppressed')", ACCOUNT, value)

    def _record(self, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Keep events; one whose id was there before is not processed again."""
        if events:
            there = self.store.find_members(ACCOUNT, EVENTS, [event_id for event_id, _ in events])
            fresh = {event_id: event for event_id, event in reversed(events) if event_id not in there}
            self.store.add_members(ACCOUNT, EVENTS, fresh.items())
