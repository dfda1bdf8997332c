"""Customer.io's Track API: v2 batches, and the manual segments of v1."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from typing import Any

import orjson

from sandbox.api import Api, Reply, Request, Route
from sandbox.customerio.operations import EVENTS, Problem, Workspace, problem_of
from sandbox.faults import Faults, Kind
from sandbox.store import Record, Store

MAX_BATCH = 500_000  #: bytes; a batch must be smaller
MAX_IDS = 1_000


class CustomerIo(Api):
    """One Customer.io workspace in the US region, which names people by id."""

    name = "customerio"
    label = "Customer.io"
    site_id = "demo-site"
    key = "demo-weft-track-key"
    segment = "7"
    routes = (
        Route("GET", "/api/v1/accounts/region", "get_region", "track"),
        Route("POST", "/api/v2/batch", "batch", "track"),
        Route("POST", "/api/v2/entity", "entity", "track"),
        Route("POST", "/api/v1/segments/{segment_id}/add_customers", "add_customers", "track"),
        Route("POST", "/api/v1/segments/{segment_id}/remove_customers", "remove_customers", "track"),
    )

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.workspace = Workspace(store)

    def prepare(self) -> None:
        """Create the demo workspace's manual segment, and the list of its events."""
        self.store.create_list(self.name, self.segment, "Win-back")
        self.store.create_list(self.name, EVENTS, "Events")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {"CUSTOMERIO_URL": url, "CUSTOMERIO_SITE_ID": self.site_id, "CUSTOMERIO_API_KEY": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the site's id and key, by Basic authentication."""
        pair = b64encode(f"{self.site_id}:{self.key}".encode()).decode()
        if request.headers.get("authorization", "") != f"Basic {pair}":
            return Reply(401, {"meta": {"error": "Unauthorized request"}})
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in the shape of v2."""
        return Reply(status, {"errors": [{"reason": code, "field": details.get("field", ""), "message": message}]})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit, without saying for how long."""
        return Reply(429, {"meta": {"error": "too many requests"}})

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the fair use: 3,000 calls in 3 seconds."""
        return ((3.0, 3_000 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return nothing: this vendor tells no limits."""
        return {}

    # endpoints

    def get_region(self, request: Request) -> Reply:
        """Tell the region of the workspace."""
        return Reply(200, {"url": "https://track.customer.io", "region": "us", "environment_id": 8420})

    def entity(self, request: Request) -> Reply:
        """Take one operation."""
        [answer] = self._take(request, [request.body])
        if answer:
            return self.refuse(400, answer[0], answer[2], field=answer[1])
        return Reply(200, {})

    def batch(self, request: Request) -> Reply:
        """Take operations of less than 500 KB in all; those that are refused are named by their place."""
        if "json" not in request.headers.get("content-type", ""):
            return self.refuse(400, "invalid", "the content type must be application/json")
        if request.size >= MAX_BATCH:
            return self.refuse(400, "invalid", "the batch must be smaller than 500kb", field="batch")
        batch = request.body.get("batch") if isinstance(request.body, dict) else None
        if not isinstance(batch, list) or not batch:
            return self.refuse(400, "required", "batch must be an array", field="batch")
        answers = self._take(request, batch)
        errors = [
            {"batch_index": place, "reason": answer[0], "field": answer[1], "message": answer[2]}
            for place, answer in enumerate(answers)
            if answer
        ]
        for reason, count in Counter(error["reason"] for error in errors).items():
            self.store.note_refusal(self.name, request.template, str(reason), "operations of a batch", count)
        return Reply(207, {"errors": errors}) if errors else Reply(200, {})

    def _take(self, request: Request, items: list[Any]) -> list[Problem | None]:
        request.rows = len(items)
        refusing = any(fault["kind"] == Kind.REFUSE_ROWS for fault in self.faults.list())
        answers = [problem_of(item) or (self._refused(item) if refusing else None) for item in items]
        self.workspace.apply([item for item, answer in zip(items, answers, strict=True) if answer is None])
        return answers

    def _refused(self, item: Any) -> Problem | None:
        text = orjson.dumps(item).decode()
        return ("invalid", "", "refused") if self.faults.take(self.name, Kind.REFUSE_ROWS, text=text) else None

    def add_customers(self, request: Request) -> Reply:
        """Add at most 1,000 people to a manual segment; those who are not there come to be."""
        ids = self._ids(request)
        if isinstance(ids, Reply):
            return ids
        known = self.store.find_records(self.name, "external_id", ids)
        fresh = {one: Record(f"cio_{one}", {"id": one}, external_id=one) for one in ids if one not in known}
        self.store.put_records(self.name, fresh.values())
        people = {one: known[one]["id"] if one in known else fresh[one].id for one in ids}
        self.store.add_members(self.name, request.args["segment_id"], [(person, None) for person in people.values()])
        return Reply(200, {})

    def remove_customers(self, request: Request) -> Reply:
        """Take at most 1,000 people out of a manual segment."""
        ids = self._ids(request)
        if isinstance(ids, Reply):
            return ids
        known = self.store.find_records(self.name, "external_id", ids)
        self.store.remove_members(self.name, request.args["segment_id"], [row["id"] for row in known.values()])
        return Reply(200, {})

    def _ids(self, request: Request) -> list[str] | Reply:
        """Return the ids of a call, or the refusal; what is not of the type that is asked for is ignored."""
        segment = request.args["segment_id"]
        if not segment.isdigit() or segment == EVENTS or self.store.get_list(self.name, segment) is None:
            return Reply(404, {"meta": {"errors": ["segment not found"]}})
        ids = request.body.get("ids") if isinstance(request.body, dict) else None
        if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS:
            return Reply(400, {"meta": {"errors": [f"ids must hold between 1 and {MAX_IDS} values"]}})
        request.rows = len(ids)
        if request.query.get("id_type", "id") != "id":
            return Reply(400, {"meta": {"errors": ["this workspace names people by id"]}})
        return [one for one in ids if isinstance(one, str) and one]
