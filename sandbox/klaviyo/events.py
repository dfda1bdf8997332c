"""Klaviyo's events: taken a thousand at a time, with no job that tells what became of them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.klaviyo.pages import iso, keyset_page, page_of
from sandbox.klaviyo.profiles import ACCOUNT, E164, EMAIL
from sandbox.store import Record

EVENTS = "Events"  #: what the page shows as a list, and Klaviyo does not have as one
MAX_BODY = 5 * 1024 * 1024
MAX_EVENTS = 1_000
MAX_STRING = 100 * 1024
MAX_PROPERTIES = 400
MAX_NAME = 127
FIELDS = {"properties", "time", "value", "value_currency", "backfill", "metric", "unique_id"}
IDENTIFIERS = ("email", "phone_number", "external_id")
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
POINTER = "/data/attributes/events-bulk-create/data"


class EventEndpoints(Api):
    """Taking events, and showing them."""

    event_routes = (
        Route("GET", "/api/events", "get_events", "XL"),
        Route("POST", "/api/event-bulk-create-jobs", "create_events", "M"),
    )

    def get_events(self, request: Request) -> Reply:
        """Return a page of events."""
        size, cursor = page_of(request)
        rows = self.store.members(self.name, EVENTS, after=cursor, limit=size + 1)
        items = [
            {
                "type": "event",
                "id": row["member_id"],
                "attributes": {
                    "event_properties": row["data"]["properties"],
                    "datetime": row["data"]["time"],
                    "timestamp": int(datetime.fromisoformat(row["data"]["time"]).timestamp()),
                    "uuid": row["member_id"],
                },
                "links": {"self": f"{request.base_url}/api/events/{row['member_id']}"},
            }
            for row in rows
        ]
        return keyset_page(request, items, size)

    def create_events(self, request: Request) -> Reply:
        """Take at most 1,000 events and 5 MB, or none of them: 202, and no body."""
        if request.size > MAX_BODY:
            return self.refuse(413, "payload_too_large", "The payload is larger than 5MB.")
        data = request.body["data"]
        entries = data["attributes"]["events-bulk-create"]["data"]
        if data["type"] != "event-bulk-create-job" or not isinstance(entries, list):
            return self.refuse(400, "invalid", "The payload is not an event-bulk-create-job.")
        events = [(place, entry, one) for place, entry in enumerate(entries) for one in _events_of(entry)]
        request.rows = len(events)
        if not 1 <= len(events) <= MAX_EVENTS:
            return self.refuse(400, "invalid", f"Between 1 and {MAX_EVENTS} events are allowed.", pointer=POINTER)
        latest = datetime.now(UTC) + timedelta(days=366)
        for place, entry, one in events:
            problem = _profile_problem(entry) or _event_problem(one, latest)
            if problem is None and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps([entry, one])):
                problem = "The event was refused."
            if problem:
                return self.refuse(400, "invalid", problem, pointer=f"{POINTER}/{place}")
        named = {}
        for _, entry, one in events:
            event_id = _id(entry, one)
            if event_id in named:
                return self.refuse(400, "invalid", "A unique_id is repeated for the same profile and metric.")
            named[event_id] = _kept(entry, one)
        known = self.store.find_members(self.name, EVENTS, named)
        self.store.add_members(self.name, EVENTS, [item for item in named.items() if item[0] not in known])
        self._know_profiles([_identifiers(entry) for _, entry, _ in events])
        return Reply(202)

    def _know_profiles(self, people: list[dict[str, str]]) -> None:
        """Create the profiles that the account does not have yet."""
        columns = {"email": "email", "phone_number": "phone", "external_id": "external_id"}
        known = {
            name: self.store.find_records(ACCOUNT, column, [one[name] for one in people if name in one])
            for name, column in columns.items()
        }
        new: dict[str, Record] = {}
        for one in people:
            if any(one[name] in known[name] for name in one):
                continue
            record_id = "01" + uuid.uuid4().hex[:24].upper()
            data = {**one, "properties": {}, "location": {}}
            email, phone, external = (one.get(name, "") for name in columns)
            new.setdefault(json.dumps(one), Record(record_id, data, email, phone, external))
        self.store.put_records(ACCOUNT, new.values())


def _events_of(entry: Any) -> list[dict[str, Any]]:
    if entry["type"] != "event-bulk-create" or set(entry["attributes"]) - {"profile", "events", "backfill"}:
        raise ValueError("not an event-bulk-create")
    found: list[dict[str, Any]] = entry["attributes"]["events"]["data"]
    return found


def _identifiers(entry: Mapping[str, Any]) -> dict[str, str]:
    attributes = entry["attributes"]["profile"]["data"]["attributes"]
    told = {name: str(attributes[name]) for name in IDENTIFIERS if attributes.get(name)}
    return told | ({"email": told["email"].strip().lower()} if "email" in told else {})


def _profile_problem(entry: Mapping[str, Any]) -> str | None:
    told = _identifiers(entry)
    if entry["attributes"]["profile"]["data"]["type"] != "profile":
        return "A profile resource is required."
    if not told and not entry["attributes"]["profile"]["data"].get("id"):
        return "One of email, phone_number, external_id or id is required."
    if "email" in told and not EMAIL.match(told["email"]):
        return "Invalid email address."
    return "Invalid phone number." if "phone_number" in told and not E164.match(told["phone_number"]) else None


def _event_problem(one: Mapping[str, Any], latest: datetime) -> str | None:
    attributes = one["attributes"]
    unknown = sorted(set(attributes) - FIELDS)
    if one["type"] != "event" or unknown:
        return f"'{unknown[0]}' is not a valid field for the resource 'event'." if unknown else "Not an event."
    properties = attributes["properties"]
    if not isinstance(properties, dict) or len(properties) > MAX_PROPERTIES:
        return f"properties is an object of at most {MAX_PROPERTIES} properties."
    if any(isinstance(value, str) and len(value) > MAX_STRING for value in properties.values()):
        return "A string is larger than 100KB."
    metric = attributes["metric"]["data"]
    if metric["type"] != "metric" or not 1 <= len(metric["attributes"]["name"]) <= MAX_NAME:
        return "The name of a metric must have less than 128 characters."
    value = attributes.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return "value must be a number."
    at = attributes.get("time")
    if at is not None and not EARLIEST < _moment(at) < latest:
        return "time must be after 1990 and at most a year ahead."
    return None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _id(entry: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """Name an event by what makes it one: its profile, its metric and its unique id, or else its second."""
    attributes = one["attributes"]
    told = attributes.get("unique_id") or attributes.get("time") or uuid.uuid4().hex
    parts = [_identifiers(entry), attributes["metric"]["data"]["attributes"]["name"], told]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _kept(entry: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    attributes = one["attributes"]
    return {
        **_identifiers(entry),
        "metric": attributes["metric"]["data"]["attributes"]["name"],
        "properties": attributes["properties"],
        "time": attributes.get("time") or iso(datetime.now(UTC).timestamp()),
        **{name: attributes[name] for name in ("value", "value_currency", "unique_id") if attributes.get(name)},
    }
