"""Intercom's API, version 2.16, as its published description and its page on rate limits describe it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.intercom import shapes
from sandbox.intercom.contacts import LIST, ContactEndpoints
from sandbox.intercom.search import SearchEndpoints

PER_WINDOW = 1_667  #: of the 10,000 calls a minute, in ten seconds
VERSIONS = {f"1.{minor}" for minor in range(5)} | {f"2.{minor}" for minor in range(17)}
TAGS = {"7001": "Win-back", "7002": "VIP"}


class Intercom(SearchEndpoints):
    """One Intercom workspace."""

    name = "intercom"
    label = "Intercom"
    key = "dG9rOmRlbW8td2VmdA=="
    routes = (
        Route("GET", "/me", "get_me", "app"),
        Route("GET", "/tags", "get_tags", "app"),
        Route("POST", "/tags", "write_tag", "app"),
        Route("GET", "/tags/{tag_id}", "get_tag", "app"),
        Route("DELETE", "/tags/{tag_id}", "delete_tag", "app"),
        Route("GET", "/contacts/{contact_id}/tags", "get_contact_tags", "app"),
        Route("POST", "/contacts/{contact_id}/tags", "tag_contact", "app"),
        Route("DELETE", "/contacts/{contact_id}/tags/{tag_id}", "untag_contact", "app"),
        *SearchEndpoints.search_routes,
        *ContactEndpoints.contact_routes,
    )

    def prepare(self) -> None:
        """Create the demo workspace's tags, and what shows the contacts that carry a weft attribute as one list."""
        self.store.create_list(self.name, LIST, "Contacts with weft attributes")
        for tag_id, name in TAGS.items():
            self.store.create_list(self.name, tag_id, name)

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this workspace."""
        return {"INTERCOM_URL": url, "INTERCOM_ACCESS_TOKEN": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the bearer token, and for a version that there is."""
        if request.headers.get("authorization", "") != f"Bearer {self.key}":
            return self.refuse(401, "unauthorized", "Access Token Invalid")
        if request.headers.get("intercom-version", "2.16") not in VERSIONS:
            return self.refuse(400, "intercom_version_invalid", "The requested version could not be found")
        if request.body is not None and "json" not in request.headers.get("content-type", ""):
            return self.refuse(415, "media_type_not_acceptable", "The Content-Type must be application/json")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return a list of one error."""
        code = {"invalid": "parameter_invalid"}.get(code, code)
        errors = [{"code": code, "message": message}]
        return Reply(status, {"type": "error.list", "request_id": str(uuid.uuid4()), "errors": errors})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit: when it ends is told by a header, as a moment."""
        limit = int(PER_WINDOW * self.limit_scale)
        reply = self.refuse(429, "rate_limit_exceeded", f"Exceeded rate limit of {limit} in 10_seconds")
        reply.headers = self.limit_headers("app", 0, max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the window of ten seconds."""
        return ((10.0, PER_WINDOW * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the window."""
        return {
            "X-RateLimit-Limit": str(int(PER_WINDOW * self.limit_scale)),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(time.time()) + reset),
        }

    def get_me(self, request: Request) -> Reply:
        """Say whose the token is."""
        return Reply(200, shapes.ME)

    def get_tags(self, request: Request) -> Reply:
        """Return all tags."""
        sql = "select * from lists where account = ? and id <> ? order by id"
        rows = self.store.query(sql, self.name, LIST)
        return Reply(200, {"type": "list", "data": [shapes.tag(row) for row in rows]})

    def get_tag(self, request: Request) -> Reply:
        """Return one tag."""
        row = self._tag(request.args["tag_id"])
        return Reply(200, shapes.tag(row)) if row else self._no_tag()

    def write_tag(self, request: Request) -> Reply:
        """Create a tag, or tag several users with one, which is created unless it is there."""
        name = str(request.body["name"])
        sql = "select * from lists where account = ? and lower(name) = lower(?) and id <> ?"
        row = self.store.one(sql, self.name, name, LIST)
        if row is None:
            tag_id = str(self.store.next_number("intercom.tags", 7_100))
            self.store.create_list(self.name, tag_id, name)
            row = self._tag(tag_id) or {}
        users = [str(one["id"]) for one in request.body.get("users", ())]
        known = self.store.find_records(self.name, "id", users)
        self.store.add_members(self.name, row["id"], [(one, None) for one in known])
        return Reply(200, {**shapes.tag(row), "users": [{"id": one, "tagged": True} for one in known], "companies": []})

    def delete_tag(self, request: Request) -> Reply:
        """Delete a tag, from all that have it."""
        # the harm: nobody knows any more who had it
        row = self._tag(request.args["tag_id"])
        if row is None:
            return self._no_tag()
        self.store.remove_members(
            self.name, row["id"], [one["member_id"] for one in self.store.members(self.name, row["id"])]
        )
        self.store.execute("delete from lists where account = ? and id = ?", self.name, row["id"])
        return Reply(200)

    def get_contact_tags(self, request: Request) -> Reply:
        """Return the tags of a contact."""
        row = self.known(request)
        if isinstance(row, Reply):
            return row
        tags = [self._tag(one["id"]) for one in self.shown(row)["tags"]["data"]]
        return Reply(200, {"type": "list", "data": [shapes.tag(tag) for tag in tags if tag]})

    def tag_contact(self, request: Request) -> Reply:
        """Tag one contact."""
        return self._tagging(request, str(request.body["id"]), tagged=True)

    def untag_contact(self, request: Request) -> Reply:
        """Take a tag off one contact."""
        return self._tagging(request, request.args["tag_id"], tagged=False)

    def _tagging(self, request: Request, tag_id: str, *, tagged: bool) -> Reply:
        request.rows = 1
        row, tag = self.known(request), self._tag(tag_id)
        if isinstance(row, Reply):
            return row
        if tag is None:
            return self._no_tag()
        if tagged:
            self.store.add_members(self.name, tag_id, [(row["id"], None)])
        else:
            self.store.remove_members(self.name, tag_id, [row["id"]])
        return Reply(200, shapes.tagging(tag, time.time()))

    def _tag(self, tag_id: str) -> dict[str, Any] | None:
        return None if tag_id == LIST else self.store.get_list(self.name, tag_id)

    def _no_tag(self) -> Reply:
        return self.refuse(404, "not_found", "Resource Not Found")
