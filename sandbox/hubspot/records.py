"""HubSpot's contacts: how they are found, read, searched, merged and taken away."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route

MAX_BATCH = 100
MAX_FOUND = 10_000  #: results of one search that can be paged through
MAX_PAGE = 100
MAX_GROUPS, MAX_FILTERS = 5, 18
MAX_VALUES = 100  #: of one filter
LIST = "contacts"
OWNED = "weft_"  #: every property that begins so exists in the account; who carries one is held by weft
#: Those that are listed before any is written: what the demo fills, and what tests do.
DECLARED = ("weft_lifetime_value", "weft_lifetime_orders", "weft_last_order_date", "weft_tier", "weft_size")
PROPERTIES = {
    *("email", "firstname", "lastname", "phone", "mobilephone", "country", "city", "state", "zip", "address"),
    *("website", "jobtitle", "company", "industry", "lifecyclestage", "hs_lead_status", "hs_language", "gender"),
    *("date_of_birth", "salutation", "hs_object_id", "createdate", "lastmodifieddate", "hs_additional_emails"),
}


def record_routes(base: str) -> list[Route]:
    """Return the routes of contacts below one base address."""
    return [
        Route("GET", base, "get_contacts", "account"),
        Route("POST", f"{base}/batch/read", "read", "account"),
        Route("POST", f"{base}/batch/archive", "archive", "account"),
        Route("POST", f"{base}/search", "search", "search"),
        Route("POST", f"{base}/merge", "merge", "account"),
        Route("POST", f"{base}/gdpr-delete", "gdpr_delete", "account"),
    ]


class RecordEndpoints(Api):
    """Reading, searching, merging and taking away."""

    # reading

    def get_account(self, request: Request) -> Reply:
        """Name the account."""
        return Reply(200, {"portalId": 8420, "accountType": "DEVELOPER_TEST", "timeZone": "UTC"})

    def get_properties(self, request: Request) -> Reply:
        """Return the names of the properties that contacts have."""
        written = {name for row in self.store.records(self.name) for name in row["data"] if name.startswith(OWNED)}
        names = sorted(PROPERTIES | written | set(DECLARED))
        return Reply(200, {"results": [{"name": name, "type": "string"} for name in names]})

    def get_contacts(self, request: Request) -> Reply:
        """Return a page of contacts."""
        limit = min(int(request.query.get("limit", "10")), 100)
        rows = self.store.records(self.name, after=request.query.get("after", ""), limit=limit + 1)
        body: dict[str, Any] = {"results": [self.contact(row) for row in rows[:limit]]}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1]["id"]}}
        return Reply(200, body)

    def read(self, request: Request) -> Reply:
        """Return at most 100 contacts by id or e-mail; missing ones make it a 207."""
        inputs = self.inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        by = request.body.get("idProperty", "hs_object_id")
        if by not in ("hs_object_id", "email"):
            return self.refuse(400, "invalid", f"{by} is not a unique property.")
        found = [(str(item["id"]), self.find(by, str(item["id"]))) for item in inputs]
        missing = [wanted for wanted, row in found if row is None]
        errors = []
        if missing:
            message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
            context = {"ids": missing}
            errors = [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": context}]
        rows = {row["id"]: row for _, row in found if row is not None}  # two addresses of one contact are one result
        return self.multi([self.shown(row, request.body.get("properties")) for row in rows.values()], errors)

    def search(self, request: Request) -> Reply:
        """Return a page of the contacts that fulfil all filters of any group, in the order of their ids."""
        groups = request.body.get("filterGroups") or []
        filters = [one for group in groups for one in group["filters"]]
        if len(groups) > MAX_GROUPS or len(filters) > MAX_FILTERS:
            return self.refuse(400, "invalid", f"At most {MAX_GROUPS} groups and {MAX_FILTERS} filters are allowed.")
        return self.page_of_search(request, self.store.records(self.name), groups, request.body.get("properties"))

    def page_of_search(
        self, request: Request, rows: list[dict[str, Any]], groups: list[dict[str, Any]], wanted: Any
    ) -> Reply:
        """Return a page of the rows that fulfil all filters of any group."""
        limit, after = int(request.body.get("limit", 10)), int(request.body.get("after") or 0)
        if limit > MAX_PAGE or after + limit > MAX_FOUND:
            return self.refuse(400, "invalid", f"Pages of {MAX_PAGE}, and the first {MAX_FOUND} results, can be read.")
        found = [
            row
            for row in rows
            if not groups or any(all(_fulfils(row, one) for one in group["filters"]) for group in groups)
        ]
        page = found[after : after + limit]
        body: dict[str, Any] = {"total": len(found), "results": [self.shown(row, wanted) for row in page]}
        if after + limit < len(found):
            body["paging"] = {"next": {"after": str(after + limit)}}
        return Reply(200, body)

    # what cannot be undone

    def merge(self, request: Request) -> Reply:
        """Fold one contact into another: its values fill what is empty there, its addresses become additional ones.

        The merged contact has an id of its own; the two that it was made of are no longer found.
        """
        request.rows = 1
        primary = self.find("hs_object_id", str(request.body["primaryObjectId"]))
        other = self.find("hs_object_id", str(request.body["objectIdToMerge"]))
        if primary is None or other is None:
            return self.refuse(404, "not_found", "The contact does not exist.")
        if primary["id"] == other["id"]:
            return self.refuse(400, "invalid", "A contact cannot be merged with itself.")
        more = [*emails_of(primary)[1:], *emails_of(other)]
        data = {**other["data"], **primary["data"]}
        if more:
            data["hs_additional_emails"] = ";".join(more)
        merged_id = str(self.store.next_number("hubspot", 100_000_001))
        sql = "select distinct list_id from members where account = ? and member_id in (?, ?) and list_id <> ?"
        lists = self.store.query(sql, self.name, primary["id"], other["id"], LIST)
        for row in (primary, other):
            self.store.delete_record(self.name, row["id"])
        self.keep(merged_id, data)
        for one in lists:
            self.store.add_members(self.name, one["list_id"], [(merged_id, None)])
        result = self.contact(self.store.get_record(self.name, merged_id))
        self.hold([result])
        return Reply(200, result)

    def archive(self, request: Request) -> Reply:
        """Archive at most 100 contacts by record id; unknown ids are passed over."""
        # the harm: it takes the whole contact from whoever works with it, not only what weft wrote
        inputs = self.inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        for item in inputs:
            self.store.delete_record(self.name, str(item["id"]))
        return Reply(204)

    def gdpr_delete(self, request: Request) -> Reply:
        """Erase a contact, and block its address for ever."""
        # the harm: the address can never be imported again, also when no such contact existed
        request.rows = 1
        value = str(request.body["objectId"]).lower()
        row = self.find(request.body.get("idProperty", "hs_object_id"), value)
        self.store.execute(
            "insert or replace into blocked values (?, ?, 'gdpr')", self.name, row["email"] if row else value
        )
        if row:
            self.store.delete_record(self.name, row["id"])
        return Reply(204)

    # records

    def find(self, by: str, value: str) -> dict[str, Any] | None:
        """Return the contact with this id, or with this address among its addresses."""
        if by != "email":
            return self.store.find_record(self.name, record_id=value)
        email = value.strip().lower()
        alias = self.store.one("select record_id from aliases where account = ? and value = ?", self.name, email)
        return self.store.find_record(self.name, email=email) or (
            self.store.find_record(self.name, record_id=alias["record_id"]) if alias else None
        )

    def keep(self, contact_id: str, data: dict[str, Any]) -> None:
        """Write a contact whole; an empty text clears a property."""
        data = {name: value for name, value in data.items() if value not in ("", None)}
        self.store.put_record(self.name, contact_id, data, email=str(data.get("email", "")).lower())
        for email in emails_of({"data": data})[1:]:
            self.store.execute("insert or replace into aliases values (?, ?, ?)", self.name, email, contact_id)

    def hold(self, results: list[dict[str, Any]]) -> None:
        """Keep the list to those that carry a weft property; what is empty is not in their data any more."""
        held = [result["id"] for result in results if any(name.startswith(OWNED) for name in result["properties"])]
        added = self.store.add_members(self.name, LIST, [(contact_id, None) for contact_id in held])
        self.store.note_changes(self.name, LIST, len(held) - added)
        self.store.remove_members(self.name, LIST, {result["id"] for result in results} - set(held))

    # shapes

    def inputs(self, request: Request, *, named: bool = True) -> list[dict[str, Any]] | Reply:
        """Return the inputs of a batch, or the refusal of it.

        Args:
            request: The call.
            named: Whether each has to name a record.
        """
        inputs = (request.body or {}).get("inputs") if isinstance(request.body, dict) else None
        if not isinstance(inputs, list) or any(
            not isinstance(item, dict) or (named and "id" not in item) for item in inputs
        ):
            return self.refuse(400, "invalid", "Invalid input JSON: inputs with an id are required.")
        request.rows = len(inputs)
        if not 1 <= len(inputs) <= MAX_BATCH:
            return self.refuse(400, "invalid", f"The maximum number of inputs supported is {MAX_BATCH}.")
        ids = [str(item["id"]).strip().lower() for item in inputs if named]
        if len(set(ids)) < len(ids):
            double = next(value for value in ids if ids.count(value) > 1)
            return self.refuse(400, "invalid", f"Duplicate IDs found in batch input: [{double}]. IDs must be unique.")
        return inputs

    @staticmethod
    def multi(results: list[dict[str, Any]], errors: list[dict[str, Any]], *, created: bool = False) -> Reply:
        """Return the answer to a batch."""
        now = stamp(time.time())
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return Reply(207 if errors else 201 if created else 200, body)

    @staticmethod
    def row_error(item: Mapping[str, Any], category: str, message: str, code: str = "") -> dict[str, Any]:
        """Return the error of one input of a batch."""
        context: dict[str, Any] = {"ids": [str(item["id"])]} if "id" in item else {}
        if "objectWriteTraceId" in item:
            context["objectWriteTraceId"] = [item["objectWriteTraceId"]]
        inner = [{"message": message, "code": code}] if code else []
        return {"status": "error", "category": category, "message": message, "context": context, "errors": inner}

    def no_property(self, name: str) -> Reply:
        """Refuse a call for a property that does not exist."""
        problem = {
            "isValid": False,
            "message": f'Property "{name}" does not exist',
            "error": "PROPERTY_DOESNT_EXIST",
            "name": name,
        }
        return self.refuse(400, "invalid", f"Property values were not valid: {json.dumps([problem])}")

    @staticmethod
    def contact(row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a contact as the API shows it after a write: with all that it has."""
        created, updated = stamp(row["created_at"]), stamp(row["updated_at"])
        own = {"hs_object_id": row["id"], "createdate": created, "lastmodifieddate": updated}
        dates = {"createdAt": created, "updatedAt": updated}
        return {"id": row["id"], "properties": {**row["data"], **own}, **dates, "archived": False}

    def shown(self, row: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
        """Return a contact with the properties that were asked for, null where it has none."""
        shown = self.contact(row)
        always = ("hs_object_id", "createdate", "lastmodifieddate")
        shown["properties"] = {
            name: shown["properties"].get(name) for name in (*always, *(wanted or ("email", "firstname", "lastname")))
        }
        return shown


def emails_of(row: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a contact, the primary one first."""
    data = row["data"]
    more = str(data.get("hs_additional_emails", "")).split(";")
    return [text for text in (str(data.get("email", "")).lower(), *more) if text]


def _fulfils(row: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    name, operator = one["propertyName"], one["operator"]
    value = row["id"] if name == "hs_object_id" else row["data"].get(name)
    if operator == "HAS_PROPERTY":
        return value not in (None, "")
    if operator == "NOT_HAS_PROPERTY":
        return value in (None, "")
    if operator == "IN":
        return str(value).lower() in [str(one).lower() for one in one["values"]]
    if operator == "EQ":
        return str(value) == str(one["value"])
    if operator == "GT":
        return value is not None and float(value) > float(one["value"])
    raise ValueError(operator)


def stamp(seconds: float) -> str:
    """Return a timestamp as the API writes it."""
    return re.sub(r"000Z$", "Z", time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds)))
