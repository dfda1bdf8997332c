"""Braze's REST API: /users/track, subscription groups and the deletion of users."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.braze.objects import merged, problem
from sandbox.faults import Kind
from sandbox.store import Record

MAX_OBJECTS = 75
MAX_BYTES = 4_000_000  # not published; where others saw calls refused
MAX_PEOPLE = 50
EVENTS = "Events"
PROCESSED = {"attributes": "attributes_processed", "events": "events_processed", "purchases": "purchases_processed"}
GROUP = "e7c1a6f0-0000-4000-8000-000000000001"
SHAPES = {"subscribed": "Subscribed", "unsubscribed": "Unsubscribed"}


class Braze(Api):
    """One Braze workspace. Its second key may read subscription states and nothing else."""

    name = "braze"
    label = "Braze"
    key = "demo-weft-rest-key"
    reading_key = "demo-weft-reading-key"
    group = GROUP
    routes = (
        Route("POST", "/users/track", "track", "track"),
        Route("POST", "/users/delete", "delete", "users"),
        Route("GET", "/subscription/status/get", "get_status", "shared"),
        Route("POST", "/v2/subscription/status/set", "set_status", "subscriptions"),
    )

    def prepare(self) -> None:
        """Create what the workspace has from the start."""
        self.store.create_list(self.name, GROUP, "Newsletter (subscription group)")
        self.store.create_list(self.name, EVENTS, "Events")

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the key in the header. The refusal repeats it, as the vendor's does."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key != self.key and not (key == self.reading_key and request.path == "/subscription/status/get"):
            return self.refuse(401, "", f"Invalid API key: {key}")
        if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
            return self.refuse(400, "", "Bad Request")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error, which has a message and no code."""
        return Reply(status, {"message": message, **details})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        reply = self.refuse(429, "", "Rate limited")
        reply.headers = {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time() + seconds + 0.999)),
            "X-RateLimit-Retry-After": str(max(int(seconds + 0.999), 1)),
        }
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the published windows."""
        seconds, calls = {"track": (3.0, 3_000), "users": (60.0, 20_000), "subscriptions": (60.0, 5_000)}.get(
            name, (3_600.0, 250_000)
        )
        return ((seconds, calls * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return what is left of the window, and the moment at which it ends."""
        [(_, calls)] = self.limits(name)
        return {
            "X-RateLimit-Limit": str(int(calls)),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(time.time()) + reset),
        }

    # users

    def track(self, request: Request) -> Reply:
        """Take attributes, events and purchases; name the objects that are refused by their places."""
        if request.size > MAX_BYTES:
            return self.refuse(413, "", "Request Entity Too Large")
        body = request.body if isinstance(request.body, dict) else {}
        arrays = {kind: body[kind] for kind in PROCESSED if body.get(kind)}
        if any(not isinstance(items, list) for items in arrays.values()):
            return self.refuse(400, "", "Bad Request")
        request.rows = sum(len(items) for items in arrays.values())
        if request.rows > MAX_OBJECTS:
            return self.refuse(400, "", "Max Input Length Exceeded")
        taken: dict[str, list[dict[str, Any]]] = {}
        errors: list[dict[str, Any]] = []
        faulty = bool(self.faults.list())
        for kind, items in arrays.items():
            wrong = {place: self._problem(item, kind, faulty) for place, item in enumerate(items)}
            errors += [{"type": text, "input_array": kind, "index": place} for place, text in wrong.items() if text]
            taken[kind] = [item for place, item in enumerate(items) if not wrong[place]]
        if errors:
            self.store.note_refusal(self.name, request.template, "", "objects of a call", len(errors))
        if not any(taken.values()):
            text = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
            return self.refuse(400, "", text, **({"errors": errors} if errors else {}))
        self._write(taken.get("attributes", []))
        happened = [*taken.get("events", []), *taken.get("purchases", [])]
        self._write([{name: item[name] for name in item if name in _WHOM} for item in happened])
        if happened:
            self.store.add_members(self.name, EVENTS, zip(self._event_ids(happened), happened, strict=True))
        counts = {PROCESSED[kind]: len(items) for kind, items in taken.items() if items}
        return Reply(201, {"message": "success", **counts, **({"errors": errors} if errors else {})})

    def delete(self, request: Request) -> Reply:
        """Delete at most 50 users for good."""
        # the harm: a user who is deleted cannot be brought back
        ids = request.body["external_ids"]
        request.rows = len(ids)
        if len(ids) > MAX_PEOPLE:
            return self.refuse(400, "", "The max number of ids per request was exceeded")
        found = self.store.find_records(self.name, "external_id", ids)
        for record in found.values():
            self.store.delete_record(self.name, record["id"])
        return Reply(201, {"deleted": len(found), "message": "success"})

    def _problem(self, item: Any, kind: str, faulty: bool) -> str | None:
        found = problem(item, kind)
        if not found and faulty and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(item)):
            return "The object was refused"
        return found

    def _write(self, items: Sequence[dict[str, Any]]) -> None:
        """Write attributes to profiles, creating those that are not there unless an object says not to."""
        known = self._known(items)
        changed: dict[str, Record] = {}
        for item in items:
            kind, name = _name(item)
            record = known.get((kind, name))
            only_known = item.get("_update_existing_only", kind == "user_alias")
            if record is None and only_known:
                continue
            record_id = record["id"] if record else uuid.uuid4().hex[:24]
            data = merged(record["data"] if record else {}, item)
            if kind == "external_id":
                data["external_id"] = name
            texts = {column: str(data.get(column, "")) for column in ("email", "phone", "external_id")}
            changed[record_id] = Record(record_id, data, **texts)
            known[kind, name] = {"id": record_id, "data": data}
            if record is None and kind == "user_alias":
                self.store.execute("insert or replace into aliases values (?, ?, ?)", self.name, name, record_id)
            for group in item.get("subscription_groups") or ():
                self._set(group["subscription_group_id"], group["subscription_state"], [data["external_id"]])
        self.store.put_records(self.name, changed.values())

    def _known(self, items: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the profiles that objects name, by what names them."""
        wanted: dict[str, set[str]] = {}
        for item in items:
            kind, name = _name(item)
            wanted.setdefault(kind, set()).add(name)
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for kind, names in wanted.items():
            by = "id" if kind in ("braze_id", "user_alias") else kind
            if kind == "user_alias":
                ids = {name: self._aliased(name) for name in names}
                records = self.store.find_records(self.name, by, [one for one in ids.values() if one])
                found |= {(kind, name): records[one] for name, one in ids.items() if one in records}
            else:
                records = self.store.find_records(self.name, by, names)
                found |= {(kind, name): record for name, record in records.items()}
        return found

    def _aliased(self, name: str) -> str:
        row = self.store.one("select record_id from aliases where account = ? and value = ?", self.name, name)
        return str(row["record_id"]) if row else ""

    def _event_ids(self, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return what events are kept under. They have no id of the sender's: one that comes twice is two."""
        told = [(item.get("properties") or {}).get("event_id") or "event" for item in items]
        last = self.store.exactly_one(
            """insert into counters values ('braze', ?)
            on conflict (name) do update set value = value + excluded.value returning value""",
            len(items),
        )["value"]
        return [f"{name}#{last - place}" for place, name in enumerate(told)]

    # subscription groups

    def get_status(self, request: Request) -> Reply:
        """Return the states of at most 50 users in one group, by external_id."""
        group = request.query.get("subscription_group_id", "")
        ids = [*request.queries.get("external_id", []), *request.queries.get("external_id[]", [])]
        request.rows = len(ids)
        if self.store.get_list(self.name, group) is None or group == EVENTS:
            return self.refuse(400, "", "Invalid subscription group id")
        if not 1 <= len(ids) <= MAX_PEOPLE:
            return self.refuse(400, "", "external_id is required, and at most 50 of them")
        subscribed = self.store.find_members(self.name, group, ids)
        decided = {
            row["value"]
            for row in self.store.query(
                "select value from blocked where account = ? and value in (select value from json_each(?))",
                self.name,
                json.dumps([f"{group}:{external_id}" for external_id in ids]),
            )
        }
        states = {
            one: "Subscribed" if one in subscribed else "Unsubscribed" if f"{group}:{one}" in decided else "Unknown"
            for one in ids
        }
        return Reply(200, {"status": states, "message": "success"})

    def set_status(self, request: Request) -> Reply:
        """Set the state of at most 50 users in each of the named groups."""
        # the harm: whoever unsubscribed is subscribed again when they are named
        groups = request.body["subscription_groups"]
        if not groups:
            return self.refuse(400, "", "subscription_groups is required")
        for group in groups:
            if self.store.get_list(self.name, str(group.get("subscription_group_id"))) is None:
                return self.refuse(400, "", "Invalid subscription group id")
            if group.get("subscription_state") not in SHAPES:
                return self.refuse(400, "", "subscription_state must be subscribed or unsubscribed")
            ids = self._people(group)
            if group.get("emails") and group.get("phones"):
                return self.refuse(400, "", "Both emails and phones cannot be included")
            if not 1 <= len(ids) <= MAX_PEOPLE or any(not isinstance(one, str) or not one for one in ids):
                return self.refuse(400, "", "The max number of ids per request was exceeded")
            request.rows += len(ids)
        faulty = bool(self.faults.list())
        if faulty and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(groups)):
            return self.refuse(400, "", "Bad Request")
        for group in groups:
            self._set(group["subscription_group_id"], group["subscription_state"], self._people(group))
        return Reply(201, {"message": "success"})

    def _people(self, group: Mapping[str, Any]) -> list[Any]:
        """Return the external_ids that a group's new state is for; an address stands for everybody who has it."""
        ids = list(group.get("external_ids") or ())
        for column in ("email", "phone"):
            found = self.store.find_records(self.name, column, group.get(f"{column}s") or ())
            ids += [record["external_id"] for record in found.values()]
        return ids

    def _set(self, group: str, state: str, ids: Sequence[str]) -> None:
        values = [(self.name, f"{group}:{external_id}") for external_id in ids]
        if state == "subscribed":
            self.store.execute_many("delete from blocked where account = ? and value = ?", values)
            self.store.add_members(self.name, group, [(one, {"external_id": one}) for one in ids])
        else:
            self.store.execute_many("insert or replace into blocked values (?, ?, 'unsubscribed')", values)
            self.store.remove_members(self.name, group, ids)


_WHOM = ("external_id", "braze_id", "user_alias", "email", "phone", "_update_existing_only")


def _name(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an object names a profile by: the strongest that it has."""
    for kind in ("external_id", "braze_id", "email", "phone"):
        if item.get(kind) and not item.get("user_alias"):
            return kind, str(item[kind])
    alias = item["user_alias"]
    return "user_alias", f"{alias['alias_label']}|{alias['alias_name']}"
