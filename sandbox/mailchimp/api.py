"""Mailchimp's Marketing API 3.0: members of an audience, and tags."""

from __future__ import annotations

import uuid
from base64 import b64decode
from collections import Counter
from typing import Any

import orjson

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Faults, Kind
from sandbox.mailchimp.members import ACCOUNT, MERGE_FIELDS, Members, hash_of, invalid, shown
from sandbox.store import Store

MAX_MEMBERS, MAX_PAGE = 500, 1_000
BASE = "/3.0/lists/{audience}"


class Mailchimp(Api):
    """One Mailchimp account, whose tags are static segments."""

    name = ACCOUNT
    label = "Mailchimp"
    key = "0123456789abcdef0123456789abcdef-us6"
    audience = "1a2b3c4d5e"
    tag, tag_name = "4711", "win-back"
    routes = (
        Route("GET", BASE, "get_audience", "connections"),
        Route("POST", BASE, "add_members", "connections"),
        Route("GET", f"{BASE}/merge-fields", "get_merge_fields", "connections"),
        Route("PUT", f"{BASE}/members/{{member}}", "put_member", "connections"),
        Route("DELETE", f"{BASE}/members/{{member}}", "archive", "connections"),
        Route("POST", f"{BASE}/members/{{member}}/actions/delete-permanent", "forget", "connections"),
        Route("GET", f"{BASE}/tag-search", "search_tags", "connections"),
        Route("POST", f"{BASE}/segments/{{segment}}", "change_segment", "connections"),
        Route("GET", f"{BASE}/segments/{{segment}}/members", "get_tagged", "connections"),
    )

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.members = Members(store, faults)

    def prepare(self) -> None:
        """Create the demo account's audience and a tag in it."""
        self.store.create_list(self.name, self.audience, "Customers")
        self.store.create_list(self.name, self.tag, self.tag_name)

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the key: as the password of any user, or as a bearer token."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            given = b64decode(given).decode(errors="replace").partition(":")[2]
        if kind not in ("Basic", "Bearer") or given != self.key:
            return self.refuse(401, "API Key Invalid", "Your API key may be invalid, or for another data center.")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error as a problem document."""
        titles = {"invalid": "Invalid Resource", "not_found": "Resource Not Found"}
        body = {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": titles.get(code, code),
            "status": status,
            "detail": message,
            "instance": str(uuid.uuid4()),
        }
        return Reply(status, {**body, **details})

    def throttled(self, seconds: float) -> Reply:
        """Answer too many connections, without saying for how long."""
        return self.refuse(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return no window to speak of: connections at a time are limited, and this server answers one by one."""
        return ((1.0, 100_000 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return nothing: this vendor tells no limits."""
        return {}

    # members

    def get_audience(self, request: Request) -> Reply:
        """Return an audience."""
        row = self._list(request.args["audience"])
        if row is None:
            return self._unknown()
        return Reply(200, {"id": row["id"], "name": row["name"], "double_optin": False})

    def get_merge_fields(self, request: Request) -> Reply:
        """Return the merge fields of an audience."""
        if self._list(request.args["audience"]) is None:
            return self._unknown()
        found = [{"tag": tag, "name": tag.title(), "type": kind} for tag, kind in MERGE_FIELDS.items()]
        return Reply(200, {"merge_fields": found[: int(request.query.get("count", 10))], "total_items": len(found)})

    def add_members(self, request: Request) -> Reply:
        """Create or update at most 500 members; the answer is a 200 even if all are refused."""
        audience = request.args["audience"]
        if self._list(audience) is None:
            return self._unknown()
        members = request.body.get("members")
        if not isinstance(members, list) or not 1 <= len(members) <= MAX_MEMBERS:
            return self._invalid("members", f"Between 1 and {MAX_MEMBERS} members are allowed.")
        request.rows = len(members)
        for place, one in enumerate(members):
            problem = invalid(one)
            if problem:
                return self._invalid(f"members.item:{place}.{problem[0]}", problem[1])
        changes = self.members.write(
            audience,
            members,
            update=request.body.get("update_existing") is True,
            skip_required=request.query.get("skip_merge_validation") == "true",
        )
        new = [shown(change.data) for change in changes if change.data is not None and change.is_new]
        updated = [shown(change.data) for change in changes if change.data is not None and not change.is_new]
        errors = [
            {"email_address": change.email, "error": change.message, "error_code": change.code, "field": ""}
            for change in changes
            if change.code
        ]
        for code, count in Counter(change.code for change in changes if change.code).items():
            self.store.note_refusal(self.name, request.template, code, "members of a batch", count)
        return Reply(
            200,
            {
                "new_members": new,
                "updated_members": updated,
                "errors": errors,
                "total_created": len(new),
                "total_updated": len(updated),
                "error_count": len(errors),
            },
        )

    def put_member(self, request: Request) -> Reply:
        """Create or update one member."""
        audience = request.args["audience"]
        if self._list(audience) is None:
            return self._unknown()
        problem = invalid(request.body)
        if problem:
            return self._invalid(*problem)
        request.rows = 1
        [change] = self.members.write(audience, [request.body], update=True, skip_required=False)
        if change.data is None:
            return self._invalid("", change.message)
        return Reply(200, shown(change.data))

    def archive(self, request: Request) -> Reply:
        """Archive a member."""
        audience, member = request.args["audience"], request.args["member"]
        found = self.store.find_members(self.name, audience, [member])
        if member not in found:
            return self._unknown()
        self.store.add_members(self.name, audience, [(member, {**found[member], "status": "archived"})])
        return Reply(204)

    def forget(self, request: Request) -> Reply:
        """Delete a member for good: the address cannot be imported again."""
        audience, member = request.args["audience"], request.args["member"]
        found = self.store.find_members(self.name, audience, [member])
        if member not in found:
            return self._unknown()
        email = str(found[member]["email_address"]).lower()
        self.store.execute("insert or ignore into blocked values (?, ?, 'forgotten')", self.name, email)
        for row in self.store.query("select id from lists where account = ?", self.name):
            self.store.remove_members(self.name, row["id"], [member])
        return Reply(204)

    # tags

    def search_tags(self, request: Request) -> Reply:
        """Return the tags whose names begin with what is asked for."""
        if self._list(request.args["audience"]) is None:
            return self._unknown()
        rows = self.store.query("select id, name from lists where account = ?", self.name)
        tags = [
            {"id": int(row["id"]), "name": row["name"]}
            for row in rows
            if row["id"].isdigit() and row["name"].startswith(request.query.get("name", ""))
        ]
        return Reply(200, {"tags": tags, "total_items": len(tags)})

    def change_segment(self, request: Request) -> Reply:
        """Give at most 500 members a tag, and take it from at most 500; addresses of nobody are ignored."""
        audience, segment = request.args["audience"], request.args["segment"]
        if self._list(audience) is None or not segment.isdigit() or self._list(segment) is None:
            return self._unknown()
        changes = {name: request.body.get(name, []) for name in ("members_to_add", "members_to_remove")}
        for name, emails in changes.items():
            if not isinstance(emails, list) or not all(isinstance(email, str) for email in emails):
                return self._invalid(name, "Schema describes array of strings")
            if len(emails) > MAX_MEMBERS:
                return self._invalid(name, f"Please provide at most {MAX_MEMBERS} items in {name} field")
        request.rows = sum(len(emails) for emails in changes.values())
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=orjson.dumps(changes).decode()):
            return self._invalid("", "The members were refused.")
        added = self._missing(audience, segment, changes["members_to_add"])
        there = self.store.find_members(self.name, segment, [hash_of(one) for one in changes["members_to_remove"]])
        self.store.add_members(self.name, segment, added.items())
        self.store.remove_members(self.name, segment, there)
        return Reply(
            200,
            {
                "members_added": [shown(data) for data in added.values()],
                "members_removed": [shown(data) for data in there.values()],
                "errors": [],
                "total_added": len(added),
                "total_removed": len(there),
                "error_count": 0,
            },
        )

    def _missing(self, audience: str, segment: str, emails: list[str]) -> dict[str, dict[str, Any]]:
        """Return the members of the audience that have an address and lack the tag."""
        ids = [hash_of(email) for email in emails]
        tagged = self.store.find_members(self.name, segment, ids)
        found = self.store.find_members(self.name, audience, ids)
        return {
            one: {"email_address": data["email_address"], "status": data["status"]}
            for one, data in found.items()
            if one not in tagged and data["status"] != "archived"
        }

    def get_tagged(self, request: Request) -> Reply:
        """Return a page of the members that have a tag; only those that are subscribed unless others are asked for."""
        if self._list(request.args["audience"]) is None or self._list(request.args["segment"]) is None:
            return self._unknown()
        wanted = {"subscribed"} | {
            status
            for status in ("cleaned", "transactional", "unsubscribed")
            if request.query.get(f"include_{status}") == "true"
        }
        rows = [row["data"] for row in self.store.members(self.name, request.args["segment"])]
        rows = [row for row in rows if row["status"] in wanted]
        offset, count = int(request.query.get("offset", 0)), min(int(request.query.get("count", 10)), MAX_PAGE)
        return Reply(200, {"members": [shown(row) for row in rows[offset : offset + count]], "total_items": len(rows)})

    # shapes

    def _list(self, list_id: str) -> dict[str, Any] | None:
        return self.store.get_list(self.name, list_id)

    def _unknown(self) -> Reply:
        return self.refuse(404, "not_found", "The requested resource could not be found.")

    def _invalid(self, field: str, message: str) -> Reply:
        detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
        return self.refuse(400, "invalid", detail, errors=[{"field": field, "message": message}])
