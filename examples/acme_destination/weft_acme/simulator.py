"""A simulated account at Acme Mail, written from the vendor's documentation: it refuses what the vendor refuses."""

from __future__ import annotations

import json
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind

LIST = "news"
FIELDS = ("first_name", "town", "tier")
MOST_ROWS, MOST_BYTES, MOST_CHARACTERS = 500, 1_000_000, 50_000


class AcmeMail(Api):
    """One account."""

    name = "acme"
    label = "Acme Mail"
    key = "acme-demo-key"
    routes = (
        Route("GET", "/lists/{list_id}", "get_list", "calls"),
        Route("POST", "/lists/{list_id}/subscribers", "write", "calls"),
        Route("POST", "/lists/{list_id}/removals", "remove", "calls"),
    )

    def prepare(self) -> None:
        """Create the demo account's list."""
        self.store.create_list(self.name, LIST, "Newsletter")

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the key and the version."""
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self.refuse(401, "unauthorized", "The key is not valid.")
        if request.headers.get("acme-version") != "2":
            return self.refuse(400, "version", "Acme-Version is required.")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error as Acme writes it."""
        return Reply(status, {"error": code, "message": message})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        reply = self.refuse(429, "too_many_calls", "Slow down.")
        reply.headers["Retry-After"] = str(max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the one limit: ten calls a second."""
        return ((1.0, 10 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return what Acme says of the limit: what is left."""
        return {"X-Calls-Left": str(remaining)}

    def get_list(self, request: Request) -> Reply:
        """Return a list and its fields."""
        row = self.store.get_list(self.name, request.args["list_id"])
        if row is None:
            return self._no_list()
        return Reply(200, {"id": row["id"], "name": row["name"], "fields": list(FIELDS)})

    def write(self, request: Request) -> Reply:
        """Add subscribers, or change the given fields of those that are there; null empties a field."""
        list_id, rows = request.args["list_id"], request.body["subscribers"]
        refused = self._refused(request, rows)
        if refused:
            return refused
        there = self.store.find_members(self.name, list_id, [str(row.get("email", "")).lower() for row in rows])
        results, members = [], {}
        for row in rows:
            email = str(row.get("email", "")).lower()
            if self._invalid(row):
                results.append({"code": "invalid_value"})
                continue
            results.append({"code": "changed" if email in there else "added"})
            merged = {**there.get(email, {}), **row}
            there[email] = members[email] = {name: value for name, value in merged.items() if value is not None}
        self.store.add_members(self.name, list_id, members.items())
        return Reply(200, {"results": results})

    def remove(self, request: Request) -> Reply:
        """Remove subscribers; who is not there does no harm."""
        list_id, emails = request.args["list_id"], [str(email).lower() for email in request.body["emails"]]
        refused = self._refused(request, emails)
        if refused:
            return refused
        there = self.store.find_members(self.name, list_id, emails)
        self.store.remove_members(self.name, list_id, emails)
        return Reply(200, {"results": [{"code": "removed" if email in there else "not_there"} for email in emails]})

    def _refused(self, request: Request, rows: list[Any]) -> Reply | None:
        request.rows = len(rows)
        if self.store.get_list(self.name, request.args["list_id"]) is None:
            return self._no_list()
        if request.size > MOST_BYTES or len(rows) > MOST_ROWS:
            return self.refuse(413, "too_large", f"At most {MOST_ROWS} rows and {MOST_BYTES} bytes.")
        return None

    def _invalid(self, row: dict[str, Any]) -> bool:
        texts = [value for value in row.values() if value is not None]
        return (
            "@" not in str(row.get("email"))
            or bool(set(row) - {"email", *FIELDS})
            or any(not isinstance(value, str) or len(value) > MOST_CHARACTERS for value in texts)
            or self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(row)) is not None
        )

    def _no_list(self) -> Reply:
        return self.refuse(404, "not_found", "There is no such list.")
