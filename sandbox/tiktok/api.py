"""TikTok's API for Business v1.3: audience segments and events. It answers with 200, and with a code in the body."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.tiktok import events

MOST_PEOPLE = 10_000
MOST_AUDIENCES = 400
#: Kinds of identifiers, with the length of their hashes.
KINDS = {
    **dict.fromkeys(("EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256"), 64),
    **dict.fromkeys(("IDFA_MD5", "AAID_MD5"), 32),
}
_HEX = re.compile(r"[0-9a-f]+")
NO_RIGHT, INVALID, MISSING, TOO_MANY, NO_TOKEN, BAD_TOKEN = 40001, 40002, 40007, 40100, 40104, 40105


class TikTok(Api):
    """One advertiser, with an audience and three sources of events."""

    name = "tiktok"
    label = "TikTok"
    key = "demo-weft-tiktok"
    advertiser = "7000000000000000001"
    audience = "170000000000001"
    stream = "events"
    sources: ClassVar[Mapping[str, str]] = {
        "web": "CDEMO0000WEFT",
        "offline": "7300000000000000001",
        "crm": "7300000000000000002",
    }
    routes = (
        Route("GET", "/open_api/v1.3/dmp/custom_audience/get", "get_audiences", "app"),
        Route("POST", "/open_api/v1.3/segment/audience", "change_audience", "app"),
        Route("POST", "/open_api/v1.3/segment/mapping", "map_people", "app"),
        Route("POST", "/open_api/v1.3/event/track", "track", "app"),
    )

    def prepare(self) -> None:
        """Create the demo account's audience and its stream of events."""
        self.store.create_list(self.name, self.audience, "Lapsing customers")
        self.store.create_list(self.name, self.stream, "Events")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {"TIKTOK_URL": url, "TIKTOK_ACCESS_TOKEN": self.key, "TIKTOK_ADVERTISER_ID": self.advertiser}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the token in its header."""
        token = request.headers.get("access-token", "")
        if not token:
            return self._said(NO_TOKEN, "Access token is empty. Please give an access token in the header.")
        return None if token == self.key else self._said(BAD_TOKEN, "Access token is incorrect or has been revoked.")

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in TikTok's shape: an HTTP status of its own only where there is no such path."""
        return Reply(status, {}) if status == 404 else self._said(INVALID, message)

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        return self._said(TOO_MANY, "Too many requests. Please retry in some time.")

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the windows of an app of the basic level."""
        return ((1.0, 10 * self.limit_scale), (60.0, 600 * self.limit_scale))

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return nothing: TikTok documents no such header."""
        return {}

    # endpoints

    def get_audiences(self, request: Request) -> Reply:
        """Return the details of up to 100 audiences."""
        if request.query.get("advertiser_id") != self.advertiser:
            return self._refused(request, NO_RIGHT, "No permission to operate the advertiser.")
        wanted = json.loads(request.query.get("custom_audience_ids") or "[]")
        if not isinstance(wanted, list) or not 0 < len(wanted) <= 100:
            return self._refused(request, INVALID, "custom_audience_ids: 1 to 100 ids are expected")
        found = [row for one in wanted if one != self.stream and (row := self.store.get_list(self.name, str(one)))]
        return self._said(
            0, "OK", {"list": [{"audience_details": self._details(row), "audience_history": []} for row in found]}
        )

    def _details(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "audience_id": row["id"],
            "name": row["name"],
            "cover_num": self.store.count_members(self.name, row["id"]),
            "is_creator": True,
            "is_valid": True,
            "is_expiring": False,
            "shared": False,
        }

    def change_audience(self, request: Request) -> Reply:
        """Create an audience; deleting one is not simulated."""
        body = request.body if isinstance(request.body, dict) else {}
        if body.get("advertiser_id") != self.advertiser:
            return self._refused(request, NO_RIGHT, "No permission to operate the advertiser.")
        if body.get("action") != "create" or not body.get("custom_audience_name"):
            return self._refused(request, INVALID, "action: create with a custom_audience_name is expected")
        count = len(self.store.query("select id from lists where account = ?", self.name)) - 1
        if count >= MOST_AUDIENCES:
            return self._refused(request, INVALID, "An advertiser may have 400 audiences.")
        audience = str(self.store.next_number("tiktok_audience", int(self.audience) + 1))
        self.store.create_list(self.name, audience, str(body["custom_audience_name"]))
        return self._said(0, "OK", {"audience_id": audience})

    def map_people(self, request: Request) -> Reply:
        """Add identifiers to audiences, or delete them; all of them or none."""
        body = request.body if isinstance(request.body, dict) else {}
        schema, data, action = body.get("id_schema"), body.get("batch_data"), body.get("action", "add")
        if not isinstance(body.get("advertiser_ids"), list) or set(body["advertiser_ids"]) != {self.advertiser}:
            return self._refused(request, NO_RIGHT, "No permission to operate the advertiser.")
        if action not in ("add", "delete"):
            return self._refused(request, INVALID, "action: add or delete is expected")
        if not isinstance(schema, list) or not schema or any(not isinstance(kind, str) for kind in schema):
            return self._refused(request, INVALID, "id_schema: missing")
        schema = [kind.upper() for kind in schema]
        if len(set(schema)) < len(schema) or set(schema) - set(KINDS):
            return self._refused(request, INVALID, "id_schema: kinds that there are, each once, are expected")
        if not isinstance(data, list) or not 0 < len(data) <= MOST_PEOPLE:
            return self._refused(request, INVALID, f"batch_data: 1 to {MOST_PEOPLE} rows are expected")
        request.rows = len(data)
        changes: dict[str, dict[str, dict[str, Any]]] = {}
        for row in data:
            problem = self._take(schema, row, changes)
            if not problem and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(row)):
                problem = "batch_data: refused"
            if problem:
                return self._refused(request, INVALID, problem)
        if any(one == self.stream or self.store.get_list(self.name, one) is None for one in changes):
            return self._refused(request, MISSING, "The audience does not exist.")
        for audience, people in changes.items():
            if action == "delete":
                self.store.remove_members(self.name, audience, people)
            else:
                self.store.add_members(self.name, audience, people.items())
        return self._said(0, "OK")

    @staticmethod
    def _take(schema: Sequence[str], row: Any, changes: dict[str, dict[str, dict[str, Any]]]) -> str:
        """Note what a row says of which audience; return what is wrong with it, or nothing."""
        if not isinstance(row, list) or len(row) != len(schema) or not any(row):
            return "batch_data: a row has an object for every kind of id_schema, and at least one id"
        for kind, one in zip(schema, row, strict=True):
            if not one:
                continue
            value, audiences = one.get("id"), one.get("audience_ids")
            if not isinstance(value, str) or len(value) != KINDS[kind] or not _HEX.fullmatch(value):
                return "batch_data: an id is a hash in lower-case hex"
            if not isinstance(audiences, list) or not audiences:
                return "audience_ids: missing"
            for audience in audiences:
                changes.setdefault(str(audience), {})[f"{kind}:{value}"] = {kind: value}
        return ""

    def track(self, request: Request) -> Reply:
        """Take at most 1,000 events of one source, all of them or none."""
        body = request.body if isinstance(request.body, dict) else {}
        source, data = body.get("event_source"), body.get("data")
        if source not in events.SOURCES or source == "app":
            return self._refused(request, INVALID, "event_source: web, offline or crm; app needs to be allow-listed")
        if body.get("event_source_id") != self.sources[str(source)]:
            return self._refused(request, NO_RIGHT, "No permission to operate the event source.")
        if not isinstance(data, list) or not 0 < len(data) <= events.MOST:
            return self._said(INVALID, f"data: 1 to {events.MOST} events are expected")
        request.rows = len(data)
        now = time.time()
        taken: dict[str, dict[str, Any]] = {}
        for event in data:
            problem = events.problem(event, str(source), now)
            if not problem and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(event)):
                problem = "data: refused"
            if problem:
                return self._refused(request, INVALID, problem)
            # Of events that share their source, name and id, the first one counts.
            taken.setdefault(f"{source}/{event['event']}/{event['event_id']}", event)
        known = self.store.find_members(self.name, self.stream, taken)
        new = [(name, event) for name, event in taken.items() if name not in known]
        self.store.add_members(self.name, self.stream, new)
        return self._said(0, "OK")

    # shapes

    def _refused(self, request: Request, code: int, message: str) -> Reply:
        self.store.note_refusal(self.name, request.template, str(code), message)
        return self._said(code, message)

    @staticmethod
    def _said(code: int, message: str, data: Any = None) -> Reply:
        return Reply(200, {"code": code, "message": message, "request_id": uuid.uuid4().hex, "data": data or {}})
