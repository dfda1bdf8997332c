"""An endpoint that takes weft's webhooks: it verifies signatures, knows a repeated call, and keeps what it is told.

Written from docs/destinations/webhook.md, which is what an endpoint can rely on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind

TOLERANCE = 300  #: seconds; a call that was signed longer ago is somebody playing it again
MAX_ROWS = 1_000
MAX_BYTES = 1_000_000
REMEMBERED = 10_000  #: calls whose names are known again
SIGNATURE = re.compile(r"t=(\d{1,12})((?:,v1=[0-9a-f]{64})+)")
FIELDS = {"op", "key", "row", "changed"}
PEOPLE, EVENTS = "people", "events"


class Webhook(Api):
    """One endpoint with an address for people and one for events."""

    name = "webhook"
    label = "Webhook"
    key = "demo-weft-secret"
    routes = (
        Route("GET", "/status", "get_status", "calls"),
        Route("POST", "/{list}", "take", "calls"),
        Route("PUT", "/{list}", "take", "calls"),
        Route("PATCH", "/{list}", "take", "calls"),
    )

    def prepare(self) -> None:
        """Create the lists."""
        self._answered: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self.store.create_list(self.name, PEOPLE, "People")
        self.store.create_list(self.name, EVENTS, "Events")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this endpoint."""
        return {"WEBHOOK_URL": url, "WEBHOOK_SECRET": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Verify the signature over the time and the body, and that the time is now."""
        found = SIGNATURE.fullmatch(request.headers.get("x-weft-signature", ""))
        if found is None:
            return self.refuse(401, "no_signature", "The call is not signed.")
        if abs(time.time() - int(found[1])) > TOLERANCE:
            return self.refuse(401, "too_old", "The call was signed too long ago.")
        signed = found[1].encode() + b"." + request.raw
        right = hmac.new(self.key.encode(), signed, hashlib.sha256).hexdigest()
        if not any(hmac.compare_digest(right, one) for one in found[2].split(",v1=")[1:]):
            return self.refuse(401, "wrong_signature", "The signature does not match.")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error."""
        return Reply(status, {"code": code, "message": message})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        reply = self.refuse(429, "too_many", "Come back later.")
        reply.headers["Retry-After"] = str(max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return what the endpoint bears."""
        return ((1.0, 100 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """An endpoint of one's own tells none."""
        return {}

    def get_status(self, request: Request) -> Reply:
        """Say that the endpoint is up."""
        return Reply(204)

    def take(self, request: Request) -> Reply:
        """Take one row or a batch of them, once for each name of a call."""
        target = request.args["list"]
        if self.store.get_list(self.name, target) is None:
            return self.refuse(404, "not_found", "There is no such address.")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return self.refuse(415, "media_type", "Rows are JSON.")
        if request.size > MAX_BYTES:
            return self.refuse(413, "too_large", "The body is too large.")
        named = request.headers.get("idempotency-key", "")
        if named in self._answered:
            status, body = self._answered[named]
            return Reply(status, body, {"Idempotent-Replayed": "true"})
        reply = self._take(request, target)
        if named and reply.status < 300:
            self._answered[named] = (reply.status, reply.body)
            while len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        return reply

    def _take(self, request: Request, target: str) -> Reply:
        body = request.body
        is_batch = isinstance(body, dict) and set(body) == {"rows"}
        items = body["rows"] if is_batch else [body]
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_ROWS:
            return self.refuse(422, "rows", f"rows are 1 to {MAX_ROWS}.")
        request.rows = len(items)
        problems = [self._problem(one) for one in items]
        if not is_batch and problems[0]:
            return self.refuse(422, problems[0], "The row is not valid.")
        good = [one for one, problem in zip(items, problems, strict=True) if not problem]
        self._apply(target, good)
        refused = len(items) - len(good)
        if refused:
            self.store.note_refusal(self.name, request.template, "invalid", "rows of a batch", refused)
        if not is_batch:
            return Reply(204)
        return Reply(200, {"results": [_answer(*pair) for pair in zip(items, problems, strict=True)]})

    def _problem(self, one: Any) -> str:
        if not isinstance(one, dict) or set(one) != FIELDS or not isinstance(one["row"], dict):
            return "form"
        if one["op"] not in ("add", "change", "remove") or not isinstance(one["key"], str) or not one["key"]:
            return "form"
        if not isinstance(one["changed"], list):
            return "form"
        refused = self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(one, ensure_ascii=False))
        email = one["row"].get("email")
        return "refused" if refused or (email is not None and "@" not in str(email)) else ""

    def _apply(self, target: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Put rows into the list or take them out; a value that is null empties what is there."""
        gone = [one["key"] for one in items if one["op"] == "remove"]
        kept = [one for one in items if one["op"] != "remove"]
        known = self.store.find_members(self.name, target, [one["key"] for one in kept])
        told = []
        for one in kept:
            values = {**known.get(one["key"], {}), **one["row"]}
            told.append((one["key"], {name: value for name, value in values.items() if value is not None}))
        if gone:
            self.store.remove_members(self.name, target, gone)
        if told:
            self.store.add_members(self.name, target, told)


def _answer(one: Any, problem: str) -> dict[str, str]:
    key = str(one.get("key", "")) if isinstance(one, dict) else ""
    return {"key": key, "status": "refused", "code": problem} if problem else {"key": key, "status": "applied"}
