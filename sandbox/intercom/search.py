"""Intercom's search of contacts, as far as fields and filters go that a sync has use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.intercom.contacts import LIST, ContactEndpoints

MAX_FILTERS, MAX_DEPTH, MAX_PAGE = 15, 2, 150
OPERATORS = ("=", "!=", "IN", "NIN", "<", "<=", ">", ">=", "~", "!~", "^", "$")
FIELDS = {"id", "role", "name", "email", "phone", "external_id", "tag_id", "owner_id", "email_domain"}


class SearchEndpoints(ContactEndpoints):
    """Searching."""

    search_routes = (Route("POST", "/contacts/search", "search", "app"),)

    def search(self, request: Request) -> Reply:
        """Return a page of the contacts that fulfil a query; archived and merged ones are never among them."""
        query = request.body.get("query")
        problem = "query is required" if not isinstance(query, dict) else _problem(query, 0)
        if problem or not isinstance(query, dict):
            return self.refuse(400, "parameter_invalid", str(problem))
        pagination = request.body.get("pagination") or {}
        per_page = int(pagination.get("per_page", 50))
        if not 1 <= per_page <= MAX_PAGE:
            return self.refuse(400, "parameter_invalid", f"per_page is at most {MAX_PAGE}")
        rows = [
            row
            for row in self._candidates(query)
            if not row["data"].get("archived") and _fulfils(row, query, self._tags_of(row, query))
        ]
        return self.page(rows, per_page, str(pagination.get("starting_after") or ""))

    def _candidates(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the contacts that can fulfil a query: by an index, where an identifier is asked for."""
        filters = query["value"] if query["operator"] == "AND" else [query]
        for one in filters:
            if one["operator"] == "=" and one.get("field") in ("email", "external_id"):
                value = str(one["value"])
                value = value.lower() if one["field"] == "email" else value
                sql = f"select id from records where account = ? and {one['field']} = ? order by id"
                found = self.store.query(sql, self.name, value) if value else []
                return [self.store.get_record(self.name, row["id"]) for row in found]
            if one["operator"] == "=" and one.get("field") == "tag_id":
                ids = [row["member_id"] for row in self.store.members(self.name, str(one["value"]))]
                return list(self.store.find_records(self.name, "id", ids).values())
        return self.store.records(self.name)

    def _tags_of(self, row: Mapping[str, Any], query: Mapping[str, Any]) -> set[str]:
        if "tag_id" not in str(query):
            return set()
        sql = "select list_id from members where account = ? and member_id = ? and list_id <> ?"
        return {one["list_id"] for one in self.store.query(sql, self.name, row["id"], LIST)}


def _problem(query: Mapping[str, Any], depth: int) -> str | None:
    if query.get("operator") in ("AND", "OR"):
        filters = query.get("value")
        if not isinstance(filters, list) or not 1 <= len(filters) <= MAX_FILTERS or depth > MAX_DEPTH:
            return f"a group has at most {MAX_FILTERS} filters, {MAX_DEPTH} deep"
        return next((problem for one in filters if (problem := _problem(one, depth + 1))), None)
    field, operator = str(query.get("field")), query.get("operator")
    if field not in FIELDS and not field.startswith("custom_attributes."):
        return f"'{field}' is not a valid field"
    if operator not in OPERATORS or (field == "tag_id" and operator not in ("=", "!=")):
        return f"'{operator}' is not a valid operator for {field}"
    if (operator in ("IN", "NIN")) != isinstance(query.get("value"), list):
        return "IN and NIN take an array, the others a value"
    return None


def _fulfils(row: Mapping[str, Any], query: Mapping[str, Any], tags: set[str]) -> bool:
    if query["operator"] in ("AND", "OR"):
        every = all if query["operator"] == "AND" else any
        return bool(every(_fulfils(row, one, tags) for one in query["value"]))
    field, operator, value = str(query["field"]), query["operator"], query["value"]
    if field == "tag_id":
        return bool((str(value) in tags) == (operator == "="))
    custom = row["data"].get("custom_attributes", {})
    held = custom.get(field.partition(".")[2]) if "." in field else {"id": row["id"], **row["data"]}.get(field)
    return _compares(operator, held, value)


def _compares(operator: str, held: Any, value: Any) -> bool:
    if operator in ("<", "<=", ">", ">="):
        if not isinstance(held, int | float):
            return False
        return bool({"<": held < value, "<=": held <= value, ">": held > value, ">=": held >= value}[operator])
    text = str(held or "").lower()
    wanted = [str(one).lower() for one in value] if isinstance(value, list) else [str(value).lower()]
    found = {
        "=": text in wanted,
        "IN": text in wanted,
        "~": wanted[0] in text,
        "^": text.startswith(wanted[0]),
        "$": text.endswith(wanted[0]),
    }
    return found[operator] if operator in found else not found[{"!=": "=", "NIN": "IN", "!~": "~"}[operator]]
