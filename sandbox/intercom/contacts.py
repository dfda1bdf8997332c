"""Intercom's contacts: how they are made, written, merged and put away, one by one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.intercom import shapes

LIST = "contacts"
OWNED = "weft_"
EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]]+@[^@\s.]+(\.[^@\s.]+)+$")
TEXTS = ("external_id", "email", "phone", "name", "avatar", "owner_id")
#: The workspace's own attributes from the start, by name.
ATTRIBUTES = {
    "weft_lifetime_value": "float",
    "weft_tier": "string",
    "weft_note": "string",
    "weft_orders": "integer",
    "weft_joined_on": "date",
    "plan": "string",
}
RETIRED = "weft_retired"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "date": (int,),
}


class ContactEndpoints(Api):
    """Making and writing contacts, and what cannot be undone."""

    contact_routes = (
        Route("GET", "/data_attributes", "get_attributes", "app"),
        Route("GET", "/contacts", "get_contacts", "app"),
        Route("POST", "/contacts", "create_contact", "app"),
        Route("POST", "/contacts/merge", "merge_contacts", "app"),
        Route("GET", "/contacts/find_by_external_id/{external_id}", "get_by_external_id", "app"),
        Route("GET", "/contacts/{contact_id}", "get_contact", "app"),
        Route("PUT", "/contacts/{contact_id}", "update_contact", "app"),
        Route("DELETE", "/contacts/{contact_id}", "delete_contact", "app"),
        Route("POST", "/contacts/{contact_id}/archive", "archive", "app"),
        Route("POST", "/contacts/{contact_id}/unarchive", "unarchive", "app"),
    )

    def get_attributes(self, request: Request) -> Reply:
        """Return the attributes of contacts, archived ones only on request."""
        if request.query.get("model", "contact") != "contact":
            return Reply(200, {"type": "list", "data": []})
        retired = {RETIRED: "string"} if request.query.get("include_archived") == "true" else {}
        own = [
            shapes.attribute(name, kind, 9_000 + number, archived=name == RETIRED)
            for number, (name, kind) in enumerate((ATTRIBUTES | retired).items())
        ]
        return Reply(200, {"type": "list", "data": [shapes.STANDARD_ATTRIBUTE, *own]})

    def get_contacts(self, request: Request) -> Reply:
        """Return a page of contacts."""
        return self.page([row for row in self.store.records(self.name) if not row["data"].get("archived")], 50, "")

    def get_contact(self, request: Request) -> Reply:
        """Return one contact."""
        row = self.known(request)
        return row if isinstance(row, Reply) else Reply(200, self.shown(row))

    def get_by_external_id(self, request: Request) -> Reply:
        """Return one user by its external id."""
        row = self.store.find_record(self.name, external_id=request.args["external_id"])
        return Reply(200, self.shown(row)) if row else self.no_contact()

    def create_contact(self, request: Request) -> Reply:
        """Make one contact; a user that is there already is in the way, also one that is archived."""
        request.rows = 1
        body = request.body
        if not isinstance(body, dict) or not any(body.get(name) for name in ("role", "email", "external_id")):
            return self.refuse(400, "parameter_not_found", "email or external_id is required")
        data: dict[str, Any] = {"role": body.get("role") or "user", "custom_attributes": {}}
        problem = self._problem(body) or ("role is user or lead" if data["role"] not in ("user", "lead") else None)
        if problem:
            return self.refuse(400, "parameter_invalid", problem)
        if data["role"] == "user" and not (body.get("email") or body.get("external_id")):
            return self.refuse(400, "parameter_not_found", "email or external_id is required")
        in_the_way = self._in_the_way(body, "") if data["role"] == "user" else None
        if in_the_way is not None:
            return self._conflict(in_the_way)
        return Reply(200, self.shown(self._save(uuid.uuid4().hex[:24], data, body)))

    def update_contact(self, request: Request) -> Reply:
        """Write to one contact: what is not sent stays, null empties."""
        request.rows = 1
        row = self.known(request)
        if isinstance(row, Reply):
            return row
        problem = self._problem(request.body)
        if problem:
            return self.refuse(400, "parameter_invalid", problem)
        in_the_way = self._in_the_way(request.body, row["id"])
        if in_the_way is not None:
            return self._conflict(in_the_way)
        return Reply(200, self.shown(self._save(row["id"], row["data"], request.body)))

    # what cannot be undone, or only by a person

    def merge_contacts(self, request: Request) -> Reply:
        """Fold a lead into a user."""
        # the harm: the lead is gone for good
        source = self.store.find_record(self.name, record_id=str(request.body["from"]))
        into = self.store.find_record(self.name, record_id=str(request.body["into"]))
        if source is None or into is None:
            return self.no_contact()
        self.store.delete_record(self.name, source["id"])
        self.store.execute("insert into aliases values (?, ?, ?)", self.name, source["id"], into["id"])
        return Reply(200, self.shown(into))

    def delete_contact(self, request: Request) -> Reply:
        """Delete a contact for good."""
        # the harm: its conversations go with it
        row = self.known(request)
        if isinstance(row, Reply):
            return row
        self.store.delete_record(self.name, row["id"])
        return Reply(200, {**self._reference(row), "deleted": True})

    def archive(self, request: Request) -> Reply:
        """Put a contact away: it is found no more, and is in the way of a new one."""
        return self._archive(request, True)

    def unarchive(self, request: Request) -> Reply:
        """Bring a contact back."""
        return self._archive(request, False)

    def _archive(self, request: Request, archived: bool) -> Reply:
        row = self.known(request)
        if isinstance(row, Reply):
            return row
        self._save(row["id"], row["data"] | {"archived": archived}, {})
        return Reply(200, {**self._reference(row), "archived": archived})

    # shared

    def known(self, request: Request) -> dict[str, Any] | Reply:
        """Return the contact that an address names; 410 where it was merged into another."""
        contact_id = request.args["contact_id"]
        row = self.store.find_record(self.name, record_id=contact_id)
        if row is not None:
            return row
        merged = self.store.one("select * from aliases where account = ? and value = ?", self.name, contact_id)
        if merged is None:
            return self.no_contact()
        message = "This contact has been merged. See the 'Link' header for the canonical contact."
        reply = self.refuse(410, "contact_merged", message)
        reply.headers["Link"] = f'</contacts/{merged["record_id"]}>; rel="canonical"'
        return reply

    def shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a contact with its tags."""
        sql = "select list_id from members where account = ? and member_id = ? and list_id <> ? order by list_id"
        return shapes.contact(row, [one["list_id"] for one in self.store.query(sql, self.name, row["id"], LIST)])

    def page(self, rows: list[dict[str, Any]], per_page: int, after: str) -> Reply:
        """Return a page of contacts, which a cursor continues."""
        start = int(after) if after.isdigit() else 0
        pages: dict[str, Any] = {
            "type": "pages",
            "page": start // per_page + 1,
            "per_page": per_page,
            "total_pages": -(-len(rows) // per_page),
        }
        if start + per_page < len(rows):
            pages["next"] = {"per_page": per_page, "starting_after": str(start + per_page)}
        shown = [self.shown(row) for row in rows[start : start + per_page]]
        return Reply(200, {"type": "list", "data": shown, "total_count": len(rows), "pages": pages})

    def no_contact(self) -> Reply:
        """Say that there is no such contact."""
        return self.refuse(404, "not_found", "User Not Found")

    def _problem(self, body: Mapping[str, Any]) -> str | None:
        for name in TEXTS:
            if body.get(name) is not None and not isinstance(body[name], str):
                return f"{name} must be a string"
        if body.get("email") and not EMAIL.match(body["email"]):
            return "email is not a valid email address"
        for name in shapes.TIMES:
            if body.get(name) is not None and (isinstance(body[name], bool) or not isinstance(body[name], int)):
                return f"{name} must be a timestamp in seconds"
        for name, value in (body.get("custom_attributes") or {}).items():
            if name not in ATTRIBUTES:
                return f"Custom attribute '{name}' does not exist"
            kind = ATTRIBUTES[name]
            if value is not None and (
                not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
            ):
                return f"Custom attribute '{name}' must be a {kind}"
        refused = self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(body))
        return "The contact was refused." if refused else None

    def _in_the_way(self, body: Mapping[str, Any], contact_id: str) -> dict[str, Any] | None:
        """Return the user that has one of these identifiers already."""
        for column, value in (
            ("external_id", body.get("external_id")),
            ("email", str(body.get("email") or "").lower()),
        ):
            sql = f"select * from records where account = ? and {column} = ? and id <> ?"
            for row in self.store.query(sql, self.name, value, contact_id) if value else ():
                data = json.loads(row["data"])
                # two users may have one address, if each has an id of its own
                if data["role"] == "user" and not (
                    column == "email" and body.get("external_id") and data.get("external_id")
                ):
                    return row | {"data": data}
        return None

    def _conflict(self, row: Mapping[str, Any]) -> Reply:
        what = "An archived contact" if row["data"].get("archived") else "A contact"
        return self.refuse(409, "conflict", f"{what} matching those details already exists with id={row['id']}")

    def _save(self, contact_id: str, data: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        data = dict(data)
        for name in (*TEXTS, *shapes.TIMES, "unsubscribed_from_emails", "role"):
            if name in body:
                data[name] = body[name]
        custom = {**data.get("custom_attributes", {}), **(body.get("custom_attributes") or {})}
        data["custom_attributes"] = {name: value for name, value in custom.items() if value is not None}
        data = {name: value for name, value in data.items() if value is not None}
        self.store.put_record(
            self.name,
            contact_id,
            data,
            email=str(data.get("email", "")).lower(),
            phone=data.get("phone", ""),
            external_id=data.get("external_id", ""),
        )
        carries = any(name.startswith(OWNED) for name in data["custom_attributes"])
        if carries:
            self.store.add_members(self.name, LIST, [(contact_id, None)])
        else:
            self.store.remove_members(self.name, LIST, [contact_id])
        return self.store.get_record(self.name, contact_id)

    @staticmethod
    def _reference(row: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "contact", "id": row["id"], "external_id": row["data"].get("external_id")}
