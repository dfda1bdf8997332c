"""Iterable's profiles: how they are named, written, refused and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.api import Api, Reply, Request
from sandbox.faults import Kind
from sandbox.store import Record

MAX_ROWS = 1_000  # not published; what other connectors send at most
EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")
USER_ID = re.compile(r"[!-~](?:[ -~]{0,50}[!-~])?")
COLUMNS = {"email": "email", "userId": "external_id"}  #: what names a person, and the record's column for it
WHYS = ("invalid", "notFound", "invalidData", "conflict", "forgotten")


class Failed:
    """The rows of a call that were refused, by why and by what names the person."""

    def __init__(self) -> None:
        self.count = 0
        self.lists: dict[str, list[str]] = {f"{why}{what}": [] for why in WHYS for what in ("Emails", "UserIds")}

    def add(self, why: str, column: str, name: str) -> None:
        """Count a row, and name it where its reason is listed."""
        self.count += 1
        self.lists[f"{why}{'Emails' if column == 'email' else 'UserIds'}"].append(name)


class People(Api):
    """The people of one hybrid project: they are known by an address, by a userId, or by both.

    Attributes:
        takes_new_fields: Whether fields that the project does not know are created, or dropped.
    """

    takes_new_fields = True
    types: dict[str, str]  #: the project's fields, and what each holds

    def upsert(self, request: Request, people: Sequence[Mapping[str, Any]], create: bool | None) -> Reply:
        """Write profiles, creating those that are not there."""
        mismatched = self._mismatched(one.get("dataFields") or {} for one in people)
        if mismatched:
            text = "The request does not have the same data types as the project"
            return self.refuse(400, "RequestFieldsTypesMismatched", text, params={"fields": mismatched})
        takes = self.takes_new_fields if create is None else create
        failed, records, outside = Failed(), dict[str, Record](), set[str]()
        known, forgotten = self.known(people), self.forgotten(people)
        for one in people:
            column, name = whom(one)
            fields = dict(one.get("dataFields") or {})
            problem = self.problem(column, name, fields, forgotten)
            if problem:
                failed.add(problem, column, str(one.get(column, "")))
                continue
            record = known.get((column, name))
            record_id = record["id"] if record else str(self.store.next_number("iterable", 1_000_001))
            unknown = [field for field in fields if field not in self.types]
            if unknown and not takes:
                outside.update(unknown)
                fields = {field: value for field, value in fields.items() if field in self.types}
            self.types |= {field: kind for field in unknown if takes and (kind := kind_of(fields[field]))}
            data = _merged(record["data"] if record else {column: name}, fields, bool(one.get("mergeNestedObjects")))
            email, user_id = (spelled(kind, data.get(kind)) for kind in ("email", "userId"))
            records[record_id] = Record(record_id, data, email=email, external_id=user_id)
            known[column, name] = {"id": record_id, "data": data}
        self.store.put_records(self.name, records.values())
        return self.told(request, len(people), failed, {"filteredOutFields": sorted(outside), "createdFields": []})

    def problem(self, column: str, name: str, fields: Mapping[str, Any], forgotten: set[str]) -> str | None:
        """Return the reason for which a row is refused; ``None`` where it is taken."""
        if not (EMAIL if column == "email" else USER_ID).fullmatch(name):
            return "invalid"
        if fields.get("email") is not None and not EMAIL.fullmatch(str(fields["email"])):
            return "invalidData"
        if name in forgotten:
            return "forgotten"
        faulty = self.faults.list()
        text = json.dumps({column: name, **fields}) if faulty else ""
        return "invalidData" if faulty and self.faults.take(self.name, Kind.REFUSE_ROWS, text=text) else None

    def _mismatched(self, many: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the fields whose values have other types than the project knows of them."""
        found: dict[str, str] = {}
        wrong = set()
        for fields in many:
            for name, value in fields.items():
                kind = kind_of(value)
                if kind and found.setdefault(name, self.types.get(name, kind)) != kind:
                    wrong.add(name)
        return sorted(wrong)

    def known(self, people: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the profiles that people have, by what names them."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for column in COLUMNS:
            names = {name for one in people for kind, name in [whom(one)] if kind == column}
            records = self.store.find_records(self.name, COLUMNS[column], names) if names else {}
            found |= {(column, name): record for name, record in records.items()}
        return found

    def forgotten(self, people: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return which people were erased, by what names them."""
        names = json.dumps([whom(one)[1] for one in people])
        sql = "select value from blocked where account = ? and value in (select value from json_each(?))"
        return {row["value"] for row in self.store.query(sql, self.name, names)}

    def refused(self, request: Request, rows: Sequence[Any]) -> Reply | None:
        """Return the refusal of a call whose rows do not have the form that the documentation gives them."""
        if not isinstance(rows, list) or any(not isinstance(one, dict) for one in rows):
            return self.refuse(400, "BadParams", "Invalid JSON for the request")
        request.rows = len(rows)
        if len(rows) > MAX_ROWS:
            return self.refuse(400, "BatchTooLarge", "The batch is too large")
        if any(not one.get("email") and not one.get("userId") for one in rows):
            return self.refuse(400, "BadParams", "An email or a userId is required")
        return None

    def told(self, request: Request, rows: int, failed: Failed, more: Mapping[str, Any]) -> Reply:
        """Return the answer to a call, with what was refused of it."""
        if failed.count:
            self.store.note_refusal(self.name, request.template, "failedUpdates", "rows of a call", failed.count)
        body = {"successCount": rows - failed.count, "failCount": failed.count, "failedUpdates": failed.lists, **more}
        return Reply(200, body)


def whom(one: Mapping[str, Any]) -> tuple[str, str]:
    """Return what names a person: the userId before the address."""
    column = "userId" if one.get("userId") else "email"
    return column, spelled(column, one.get(column))


def spelled(column: str, value: Any) -> str:
    """Return an identifier as it is compared: an address trimmed and in lower case, a userId as it is."""
    text = "" if value is None else str(value)
    return text.strip().lower() if column == "email" else text


def _merged(known: Mapping[str, Any], fields: Mapping[str, Any], nested: bool) -> dict[str, Any]:
    """Return a profile with fields written to it; of objects the parts, where the call says so."""
    data = dict(known)
    for name, value in fields.items():
        if value is None:
            data.pop(name, None)
        elif nested and isinstance(value, dict) and isinstance(data.get(name), dict):
            data[name] = {**data[name], **value}
        else:
            data[name] = value
    return data


def kind_of(value: Any) -> str | None:
    """Return the type that a field gets from its first value; none from an empty one."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "text"
