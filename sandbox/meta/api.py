"""Meta's Graph API v25.0 for customer file custom audiences, and its Conversions API."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.meta import events

MAX_ROWS = 10_000
VERSIONS = {"v24.0", "v25.0"}
SHA256 = re.compile(r"^[0-9a-f]{64}$")
HASHED = {"EMAIL", "PHONE", "GEN", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "CT", "ST", "ZIP", "COUNTRY"}
PLAIN = {"EXTERN_ID", "MADID", "PAGEUID", "LOOKALIKE_VALUE", "DATA_PROCESSING_OPTIONS"}
# what names a person, the most certain first
KEYS = ("EXTERN_ID", "EMAIL", "PHONE", "MADID")
FLAGGED = "The custom audience is blocked because it suggests the use of information that is not allowed."


class Meta(Api):
    """One ad account."""

    name = "meta"
    label = "Meta"
    key = "demo-weft-token"
    audience = "120000000000001"
    dataset = "130000000000001"
    routes = (
        Route("GET", "/{version}/me", "get_me", "account"),
        Route("GET", "/{version}/{audience_id}", "get_audience", "account"),
        Route("POST", "/{version}/{audience_id}/users", "add_users", "account"),
        Route("DELETE", "/{version}/{audience_id}/users", "remove_users", "account"),
        Route("POST", "/{version}/{audience_id}/events", "report_events", "events"),
    )

    def prepare(self) -> None:
        """Create the demo account's audience and dataset."""
        self.store.create_list(self.name, self.audience, "Lapsing customers")
        self.store.create_list(self.name, self.dataset, "Events")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {"META_URL": url, "META_ACCESS_TOKEN": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the access token: in the query, the body or the header."""
        body = request.body if isinstance(request.body, dict) else {}
        token = request.query.get("access_token") or body.get("access_token") or ""
        if not token:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token != self.key:
            return self._error(401, "OAuthException", 190, "Invalid OAuth access token - Cannot parse access token")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return a Graph API error."""
        if code == "not_found":
            return self._error(400, "GraphMethodException", 100, f"Unsupported request. {message}", 33)
        return self._error(status, "OAuthException", int(details.get("number", 100)), message, details.get("subcode"))

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit: 400 with code 80003, and the minutes to wait in the usage header."""
        message = "There have been too many calls to this ad-account. Wait a bit and try again."
        reply = self._error(400, "OAuthException", 80003, f"(#80003) {message}", 2446079)
        reply.headers = self._usage(100, max(int(seconds / 60 + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return an hourly window that stands for the vendor's own arithmetic."""
        # the vendor computes the real one from the audience and tells only how much of it is used up
        if name == "events":  # it states no limit for these
            return ((3_600.0, 200_000 * self.limit_scale),)
        return ((3_600.0, 5_000 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the usage header."""
        most = self.limits(name)[0][1]
        return self._usage(min(int(100 * (most - remaining) / most), 100), 0)

    def _usage(self, percent: int, minutes: int) -> dict[str, str]:
        usage = {
            "type": "custom_audience",
            "call_count": percent,
            "total_cputime": percent // 4,
            "total_time": percent // 4,
            "estimated_time_to_regain_access": minutes,
        }
        return {"X-Business-Use-Case-Usage": json.dumps({"8420": [usage]})}

    # endpoints

    def get_me(self, request: Request) -> Reply:
        """Name the account."""
        return Reply(200, {"name": "weft sandbox", "id": "8420"})

    def get_audience(self, request: Request) -> Reply:
        """Return the asked-for fields of an audience."""
        row = self._audience(request)
        if isinstance(row, Reply):
            return row
        count = self.store.count_members(self.name, row["id"])
        flagged = self.faults.take(self.name, Kind.AUDIENCE_FLAGGED) is not None
        status = {"code": 471, "description": FLAGGED} if flagged else {"code": 200, "description": "Normal"}
        known: dict[str, Any] = {"id": row["id"], "name": row["name"]}
        if row["id"] == self.dataset:
            return self._fields(request, known)
        known |= {
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
            # never exact, and never below a thousand: sizes must not give single people away
            "approximate_count_lower_bound": max(count // 100 * 100, 1_000),
            "approximate_count_upper_bound": max(-(-count // 100) * 100, 1_000),
            "operation_status": status,
            "delivery_status": {"code": 200, "description": "This audience is ready for use."}
            if count >= 100
            else {"code": 300, "description": "Audience too small."},
        }
        return self._fields(request, known)

    def _fields(self, request: Request, known: Mapping[str, Any]) -> Reply:
        wanted = [name for name in request.query.get("fields", "").split(",") if name]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            return self._error(400, "OAuthException", 100, f"(#100) Tried accessing nonexisting field ({unknown[0]})")
        return Reply(200, {name: known[name] for name in known if name == "id" or name in wanted})

    def report_events(self, request: Request) -> Reply:
        """Take at most 1,000 events, all of them or none."""
        row = self._audience(request)
        if isinstance(row, Reply):
            return row
        data = request.body.get("data") if isinstance(request.body, dict) else None
        data = json.loads(data) if isinstance(data, str) else data
        if row["id"] != self.dataset or not isinstance(data, list) or not data:
            return self._error(400, "OAuthException", 100, "(#100) Missing or invalid parameter: data")
        request.rows = len(data)
        if len(data) > events.MOST:
            return self._error(400, "OAuthException", 100, f"(#100) At most {events.MOST} events are allowed")
        now = time.time()
        for event in data:
            refusal = events.refusal(event, now)
            if refusal is None and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(event)):
                refusal = events.Refusal(2804050, "Refused")
            if refusal is not None:
                self.store.note_refusal(self.name, request.template, str(refusal.subcode), refusal.title)
                return self._error(400, "OAuthException", 100, "Invalid parameter", refusal.subcode, refusal.title)
        self._keep(data)
        return Reply(200, {"events_received": len(data), "messages": [], "fbtrace_id": uuid.uuid4().hex[:16]})

    def _keep(self, data: list[dict[str, Any]]) -> None:
        """Keep every event that was reported: two alike from a server alone are two."""
        ids = [str(event.get("event_id") or uuid.uuid4().hex) for event in data]
        known = self.store.find_members(self.name, self.dataset, ids)
        kept: dict[str, dict[str, Any]] = {}
        for event_id, event in zip(ids, data, strict=True):
            alike = event_id in known or event_id in kept
            kept[f"{event_id} (again {uuid.uuid4().hex[:8]})" if alike else event_id] = event
        self.store.add_members(self.name, self.dataset, list(kept.items()))

    def add_users(self, request: Request) -> Reply:
        """Add at most 10,000 members."""
        return self._change_users(request, remove=False)

    def remove_users(self, request: Request) -> Reply:
        """Remove at most 10,000 members."""
        return self._change_users(request, remove=True)

    def _change_users(self, request: Request, *, remove: bool) -> Reply:
        row = self._audience(request)
        if isinstance(row, Reply):
            return row
        if row["id"] == self.dataset:
            return self._error(400, "GraphMethodException", 100, "Unsupported post request.", 33)
        payload = request.body.get("payload") if isinstance(request.body, dict) else None
        session = (request.body or {}).get("session") if isinstance(request.body, dict) else None
        payload, session = (json.loads(part) if isinstance(part, str) else part for part in (payload, session))
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list) or not payload.get("schema"):
            return self._error(400, "OAuthException", 100, "(#100) Missing or invalid parameter: payload")
        schema = payload["schema"] if isinstance(payload["schema"], list) else [payload["schema"]]
        schema = [str(name).removesuffix("_SHA256") for name in schema]
        data = [item if isinstance(item, list) else [item] for item in payload["data"]]
        request.rows = len(data)
        if set(schema) - HASHED - PLAIN:
            return self._error(400, "OAuthException", 100, "(#100) Invalid schema")
        if len(data) > MAX_ROWS:
            return self._error(400, "OAuthException", 100, f"(#100) At most {MAX_ROWS} users are allowed")
        if any(len(item) != len(schema) for item in data):
            return self._error(400, "OAuthException", 100, "(#100) Data is missing or does not match schema")
        if self.faults.take(self.name, Kind.AUDIENCE_FLAGGED):
            return self._error(400, "OAuthException", 100, "Invalid parameter", 1713230, "Audience Upload Blocked")
        if remove and self.faults.take(self.name, Kind.AUDIENCE_TOO_SMALL):
            message = "You cannot remove users from this audience because it will result in a low audience size."
            return self._error(400, "OAuthException", 200, message, 1870047, "Audience Size too Low")
        return self._apply(request, row["id"], schema, data, session or {}, remove=remove)

    def _apply(
        self,
        request: Request,
        audience_id: str,
        schema: list[str],
        data: list[list[Any]],
        session: Mapping[str, Any],
        *,
        remove: bool,
    ) -> Reply:
        samples: dict[str, str] = {}
        people: list[tuple[str, dict[str, Any]]] = []
        for item in data:
            person = {name: value for name, value in zip(schema, item, strict=True) if value not in ("", None)}
            problem = self._problem(person)
            if problem:
                samples[json.dumps(item)] = problem
            else:
                people.append((self._key(person), person))
        if remove:
            self.store.remove_members(self.name, audience_id, self._known(audience_id, people))
        else:
            self.store.add_members(self.name, audience_id, people)
        if samples:
            self.store.note_refusal(self.name, request.template, "invalid_entry", "entries of a batch", len(samples))
        # a sample only, as at the vendor: the caller cannot tell from it which rows failed
        body = {
            "audience_id": audience_id,
            "session_id": str(session.get("session_id") or uuid.uuid4().int % 10**18),
            "num_received": len(data),
            "num_invalid_entries": len(samples),
            "invalid_entry_samples": dict(list(samples.items())[:5]),
        }
        return Reply(200, body)

    def _problem(self, person: Mapping[str, Any]) -> str | None:
        if not set(person) & set(KEYS) and len(person) < 3:
            return "no key that identifies a person"
        wrong = [name for name, value in person.items() if name in HASHED and not SHA256.match(str(value))]
        if wrong:
            return f"{wrong[0]} is not hashed"
        return "refused" if self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(person)) else None

    @staticmethod
    def _key(person: Mapping[str, Any]) -> str:
        for name in KEYS:
            if name in person:
                return f"{name}:{person[name]}"
        return "ALL:" + hashlib.sha256(json.dumps(person, sort_keys=True).encode()).hexdigest()

    def _known(self, audience_id: str, people: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """Return the members that a removal names: by its own key, else by any other identifier in it."""
        members = self.store.members(self.name, audience_id)
        keys = {row["member_id"] for row in members}
        others = {
            (name, row["data"][name]): row["member_id"] for row in members for name in KEYS if name in row["data"]
        }
        found: list[str] = []
        for key, person in people:
            matches = [others[name, person[name]] for name in KEYS if (name, person.get(name)) in others]
            found += [key] if key in keys else matches[:1]
        return found

    # shapes

    def _audience(self, request: Request) -> dict[str, Any] | Reply:
        if request.args["version"] not in VERSIONS:
            return self._error(400, "OAuthException", 2635, "(#2635) You are calling a deprecated version of the API.")
        audience_id = request.args["audience_id"]
        row = self.store.get_list(self.name, audience_id)
        if row is None:
            message = "Object does not exist, cannot be loaded due to missing permissions, or does not support this."
            return self._error(400, "GraphMethodException", 100, f"Unsupported request. {message}", 33)
        return row

    @staticmethod
    def _error(
        status: int, kind: str, code: int, message: str, subcode: int | None = None, title: str | None = None
    ) -> Reply:
        error: dict[str, Any] = {"message": message, "type": kind, "code": code, "fbtrace_id": uuid.uuid4().hex[:16]}
        if subcode:
            error["error_subcode"] = subcode
        if title:
            error |= {"error_user_title": title, "error_user_msg": message, "is_transient": False}
        return Reply(status, {"error": error})
