"""Pipedrive's persons: how they are kept, and what of a body is refused."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from sandbox.faults import Faults, Kind
from sandbox.store import Record, Store

ACCOUNT = "pipedrive"
LIST = "persons"
EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]]+@[^@\s.]+(\.[^@\s.]+)+$")
WRITABLE = {
    *("name", "owner_id", "org_id", "add_time", "update_time", "emails", "phones", "visible_to", "label_ids"),
    *("marketing_status", "custom_fields"),
}
#: The company's own fields: their names and types.
OWN = {
    "Weft tier": "enum",
    "Weft lifetime value": "double",
    "Weft note": "text",
    "Weft joined on": "date",
    "Weft interests": "set",
    "Weft revenue": "monetary",
    "Account manager's notes": "text",
}
OPTIONS = {"Weft tier": ("bronze", "silver", "gold"), "Weft interests": ("tea", "coffee")}


def code(name: str) -> str:
    """Return what requests call a field: forty characters without meaning."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def fields() -> list[dict[str, Any]]:
    """Return the definitions of all fields of persons."""
    standard = [("name", "Name", "varchar"), ("emails", "Email", "email"), ("phones", "Phone", "phone")]
    told = [_field(one, name, kind, custom=False) for one, name, kind in standard]
    return [*told, *(_field(code(name), name, kind, custom=True) for name, kind in OWN.items())]


def _field(field_code: str, name: str, kind: str, *, custom: bool) -> dict[str, Any]:
    options = [{"id": number, "label": label} for number, label in enumerate(OPTIONS.get(name, ()), start=31)]
    return {
        "field_code": field_code,
        "field_name": name,
        "field_type": kind,
        "options": options or None,
        "subfields": None,
        "is_custom_field": custom,
        "is_optional_response_field": False,
    }


class Persons:
    """The persons of one company. Several may have the same address."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults
        self._kinds = {code(name): (name, kind) for name, kind in OWN.items()}

    def problem(self, body: Any, *, new: bool) -> str | None:
        """Return why a body is refused, or ``None``."""
        if not isinstance(body, dict):
            return "The body must be an object."
        unknown = sorted(set(body) - WRITABLE)
        if unknown:
            return f"Parameter '{unknown[0]}' is not allowed."
        if (new or "name" in body) and not (isinstance(body.get("name"), str) and body["name"]):
            return "Parameter 'name' is required and must be a non-empty string."
        for name in ("owner_id", "org_id"):
            if body.get(name) is not None and not isinstance(body[name], int):
                return f"Parameter '{name}' must be an integer."
        for name in ("emails", "phones"):
            entries = body.get(name, [])
            if not isinstance(entries, list) or any(not isinstance(one, dict) or "value" not in one for one in entries):
                return f"Parameter '{name}' must be an array of objects with a value."
        if any(not EMAIL.match(str(one["value"])) for one in body.get("emails", [])):
            return "An email is not valid."
        refused = self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=json.dumps(body))
        return "The person was refused." if refused else self._custom_problem(body.get("custom_fields", {}))

    def _custom_problem(self, custom: Mapping[str, Any]) -> str | None:
        for field_code, value in custom.items():
            if field_code not in self._kinds:
                return f"Custom field '{field_code}' does not exist."
            name, kind = self._kinds[field_code]
            ids = {number for number, _ in enumerate(OPTIONS.get(name, ()), start=31)}
            if value is not None and not _fits(kind, value, ids):
                return f"Custom field '{field_code}' is not a valid {kind}."
        return None

    def find(self, email: str) -> list[dict[str, Any]]:
        """Return the persons with an address."""
        sql = """select id from records where account = ?1 and email = ?2
        union select record_id from aliases where account = ?1 and value = ?2 order by 1"""
        rows = self.store.query(sql, ACCOUNT, email.lower())
        return [self.store.get_record(ACCOUNT, row["id"]) for row in rows]

    def save(self, person_id: str, body: Mapping[str, Any], row: Mapping[str, Any] | None) -> dict[str, Any]:
        """Write a person: what is not sent stays, null empties, a list takes the place of the one that was there."""
        data = dict(row["data"]) if row else {"custom_fields": {}, "emails": [], "phones": []}
        custom = {**data["custom_fields"], **body.get("custom_fields", {})}
        data |= {name: value for name, value in body.items() if name != "custom_fields"}
        data["custom_fields"] = {name: value for name, value in custom.items() if value is not None}
        emails = [str(one["value"]).lower() for one in data["emails"]]
        self.store.put_records(ACCOUNT, [Record(person_id, data, emails[0] if emails else "")])
        self.store.execute("delete from aliases where account = ? and record_id = ?", ACCOUNT, person_id)
        for email in emails[1:]:
            self.store.execute("insert or ignore into aliases values (?, ?, ?)", ACCOUNT, email, person_id)
        carries = any(self._kinds[name][0].startswith("Weft") for name in data["custom_fields"])
        if carries:
            self.store.add_members(ACCOUNT, LIST, [(person_id, None)])
        else:
            self.store.remove_members(ACCOUNT, LIST, [person_id])
        return self.shown(self.store.get_record(ACCOUNT, person_id))

    def shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a person as the API shows it."""
        data = row["data"]
        first, _, last = str(data.get("name", "")).partition(" ")
        return {
            "id": int(row["id"]),
            "name": data.get("name"),
            "first_name": first,
            "last_name": last or None,
            "owner_id": data.get("owner_id", 1),
            "org_id": data.get("org_id"),
            "add_time": stamp(row["created_at"]),
            "update_time": stamp(row["updated_at"]),
            "emails": data["emails"],
            "phones": data["phones"],
            "is_deleted": False,
            "visible_to": data.get("visible_to", 3),
            "label_ids": data.get("label_ids", []),
            "picture_id": None,
            "custom_fields": {name: data["custom_fields"].get(name) for name in self._kinds},
        }


def _fits(kind: str, value: Any, options: set[int]) -> bool:
    if kind == "enum":
        return value in options
    if kind == "set":
        return isinstance(value, list) and bool(value) and set(value) <= options
    if kind == "double":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "date":
        return isinstance(value, str) and bool(date.fromisoformat(value))
    if kind == "monetary":
        return isinstance(value, dict) and set(value) == {"value", "currency"}
    return isinstance(value, str)


def stamp(seconds: float) -> str:
    """Return a timestamp as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
