"""Writing records of the simulated org: the same rules for collections and for jobs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.faults import Faults, Kind
from sandbox.salesforce.schema import Field, Thing
from sandbox.store import Record, Store

ACCOUNT = "salesforce"

Row = Mapping[str, Any]
Result = dict[str, Any]


class Records:
    """The records of one org. A record is found by its id, and by the values of its lookup fields."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults

    def write(self, thing: Thing, rows: Sequence[Row], operation: str, by: str | None, path: str) -> list[Result]:
        """Write rows one by one, and return what became of each.

        Args:
            thing: The object.
            rows: The records, with names in any case.
            operation: ``insert``, ``update`` by id, or ``upsert``.
            by: What an upsert goes by.
            path: What the refusals are noted under.
        """
        field = thing.fields["id" if by is None else by.lower()]
        given = [{(f.name if f else name): value for f, name, value in thing.of(row)} for row in rows]
        names = [str(row.get(field.name) or "") if operation != "insert" else "" for row in given]
        there = self.find(thing, field, names)
        seen: Counter[str] = Counter(name.lower() for name in names)
        results: list[Result] = []
        refused: list[str] = []
        kept: dict[str, dict[str, Any]] = {}
        created = changed = 0
        for row, name in zip(given, names, strict=True):
            found = there.get(name.lower(), [])
            error = self._error(thing, field, operation, row, name, found, seen)
            if error:
                results.append({"success": False, "errors": [error]})
                refused.append(error["statusCode"])
                continue
            record_id = found[0]["id"] if found else self._next_id(thing)
            old = found[0]["data"] if found else {}
            kept[record_id] = old | {
                f.name: f.kept(value) for f, _, value in thing.of(row) if f is not None and f.name != "Id"
            }
            created, changed = created + (not found), changed + bool(found)
            results.append({"id": record_id, "success": True, "created": not found, "errors": []})
        self._keep(thing, kept)
        self.store.add_members(ACCOUNT, thing.name, [(record_id, None) for record_id in kept])
        self.store.note_changes(ACCOUNT, thing.name, changed)
        codes = Counter(refused)
        for code, count in codes.items():
            self.store.note_refusal(ACCOUNT, path, code, "records that were refused", count)
        return results

    def find(self, thing: Thing, field: Field, values: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the records that have these values of a field, by the value in lower case."""
        if field.name == "Id":
            found = self.store.find_records(ACCOUNT, "id", [value[:15] + "AAA" for value in values if value])
            by_id = {row["id"]: row for row in found.values() if row["id"].startswith(thing.prefix)}
            return {v.lower(): [by_id[v[:15] + "AAA"]] for v in values if v[:15] + "AAA" in by_id}
        column = "external_id" if field.external_id else "email"
        rows = self.store.query(
            f"select * from records where account = ? and {column} in (select value from json_each(?))",
            ACCOUNT,
            json.dumps([f"{thing.name}:{value.lower()}" for value in values if value]),
        )
        result: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            name = row[column].partition(":")[2]
            result.setdefault(name, []).append(row | {"data": json.loads(row["data"])})
        return result

    def delete(self, ids: Sequence[str]) -> list[Result]:
        """Put records into the recycle bin."""
        there = self.store.find_records(ACCOUNT, "id", ids)
        for record_id in there:
            self.store.delete_record(ACCOUNT, record_id)
        gone = _refused("ENTITY_IS_DELETED", "entity is deleted")
        return [
            {"id": one, "success": True, "errors": []} if one in there else {"success": False, "errors": [gone]}
            for one in ids
        ]

    def all(self, thing: Thing) -> list[dict[str, Any]]:
        """Return all records of an object."""
        rows = self.store.query(
            "select * from records where account = ? and phone = ? order by id", ACCOUNT, thing.name
        )
        return [row | {"data": json.loads(row["data"])} for row in rows]

    def _keep(self, thing: Thing, records: Mapping[str, dict[str, Any]]) -> None:
        def name(data: Mapping[str, Any], field: str) -> str:
            return f"{thing.name}:{str(data[field]).lower()}" if data.get(field) else ""

        self.store.put_records(
            ACCOUNT,
            [
                Record(record_id, data, name(data, "Email"), thing.name, name(data, "Weft_Id__c"))
                for record_id, data in records.items()
            ],
        )

    def _next_id(self, thing: Thing) -> str:
        return f"{thing.prefix}{self.store.next_number('salesforce', 100_000_000_001):012d}AAA"

    def _error(
        self,
        thing: Thing,
        field: Field,
        operation: str,
        row: Row,
        name: str,
        found: Sequence[Row],
        seen: Counter[str],
    ) -> dict[str, Any] | None:
        if not name and operation != "insert":
            return _refused("MISSING_ARGUMENT", f"{field.name} not specified", field.name)
        if operation == "update" and not found:
            known = name.startswith(thing.prefix) and len(name) in (15, 18)
            code = "ENTITY_IS_DELETED" if known else "MALFORMED_ID"
            return _refused(code, "entity is deleted" if known else f"bad id {name}", "Id")
        if name and seen[name.lower()] > 1:
            return _refused("DUPLICATE_VALUE", f"duplicate value found: {field.name} duplicates value", field.name)
        if len(found) > 1:
            return _refused("DUPLICATE_EXTERNAL_ID", f"{field.name}: more than one record found: {name}", field.name)
        data = found[0]["data"] if found else {}
        if data.get("IsConverted"):
            return _refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        lacking = [
            one.name
            for one in thing.fields.values()
            if one.required and (row[one.name] in (None, "") if one.name in row else not found)
        ]
        if lacking:
            return _refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(lacking)}]", *lacking)
        for one, given, value in thing.of(row):
            if one is None or value is None or value == "" or one.name == "Id":
                continue
            if not one.writable:
                return _refused("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {given}", given)
            problem = one.invalid(value)
            if problem:
                return _refused(*problem, one.name)
        if self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=json.dumps(row)):
            return _refused("DUPLICATES_DETECTED", "Use one of these records?")
        return None


def _refused(code: str, message: str, *fields: str) -> dict[str, Any]:
    return {"statusCode": code, "message": message, "fields": list(fields)}
