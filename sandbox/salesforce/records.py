"""Writing records of the simulated org: the same rules for collections and for jobs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
        known = {name: thing.fields.get(name.lower()) for name in {name for row in rows for name in row}}
        given = [{one.name: value for name, value in row.items() if (one := known[name]) is not None} for row in rows]
        names = [str(row.get(field.name) or "").lower() if operation != "insert" else "" for row in given]
        there = self.find(thing, field, names)
        taken = self.taken(thing, [name_of(thing, row) for row in given]) if operation == "insert" else set()
        call = _Call(
            thing, field, operation, Counter(names), taken, self._referred(thing, given), bool(self.faults.list())
        )
        ids = self._next_ids(thing, sum(name not in there for name in names))
        results: list[Result] = []
        refused: list[str] = []
        kept: dict[str, dict[str, Any]] = {}
        changed = 0
        for row, name in zip(given, names, strict=True):
            found = there.get(name, [])
            error = self._error(call, row, name, found)
            if error:
                results.append({"success": False, "errors": [error]})
                refused.append(error["statusCode"])
                continue
            record_id = found[0]["id"] if found else next(ids)
            new = {name: thing.fields[name.lower()].kept(value) for name, value in row.items() if name != "Id"}
            kept[record_id] = {**found[0]["data"], **new} if found else new
            changed += bool(found)
            results.append({"id": record_id, "success": True, "created": not found, "errors": []})
        self._keep(thing, kept)
        self.store.add_members(ACCOUNT, thing.name, [(record_id, None) for record_id in kept])
        campaigns = {data["CampaignId"] for data in kept.values() if "CampaignId" in data}
        for campaign in sorted(campaigns):
            members = [(one, None) for one, data in kept.items() if data["CampaignId"] == campaign]
            self.store.add_members(ACCOUNT, campaign, members)
        self.store.note_changes(ACCOUNT, thing.name, changed)
        for code, count in Counter(refused).items():
            self.store.note_refusal(ACCOUNT, path, code, "records that were refused", count)
        return results

    def find(self, thing: Thing, field: Field, values: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the records that have these values of a field, by the value in lower case."""
        if field.name == "Id":
            full = {value.lower(): thing.prefix + value[3:15] + "AAA" for value in values if value}
            found = self.store.find_records(ACCOUNT, "id", full.values())
            return {value: [found[one]] for value, one in full.items() if one in found and value[:3] == one[:3].lower()}
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

    def taken(self, thing: Thing, names: Sequence[str]) -> set[str]:
        """Return which names of records there are, by what must be unique of them."""
        return set(self.store.find_records(ACCOUNT, "external_id", names)) if thing.unique else set()

    def named(self, thing: Thing, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the records of these names."""
        return list(self.store.find_records(ACCOUNT, "external_id", names).values())

    def _referred(self, thing: Thing, rows: Sequence[Row]) -> set[str]:
        """Return the records that there are of those that rows refer to."""
        fields = [one.name for one in thing.fields.values() if one.target]
        ids = {str(row[name]) for name in fields for row in rows if row.get(name)}
        return set(self.store.find_records(ACCOUNT, "id", ids)) if ids else set()

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
        def email(data: Row) -> str:
            return f"{thing.name}:{str(data['Email']).lower()}" if data.get("Email") else ""

        self.store.put_records(
            ACCOUNT,
            [
                Record(record_id, data, email(data), thing.name, name_of(thing, data))
                for record_id, data in records.items()
            ],
        )

    def _next_ids(self, thing: Thing, count: int) -> Iterator[str]:
        """Return ids that were never given out."""
        start = 100_000_000_000
        row = self.store.exactly_one(
            "insert into counters values ('salesforce', ?) on conflict (name) do update set value = value + ? "
            "returning value",
            start + count,
            count,
        )
        return (f"{thing.prefix}{number:012d}AAA" for number in range(row["value"] - count + 1, row["value"] + 1))

    def _error(self, call: _Call, row: Row, name: str, found: Sequence[Row]) -> dict[str, Any] | None:
        thing, field = call.thing, call.field
        if not name and call.operation != "insert":
            return _refused("MISSING_ARGUMENT", f"{field.name} not specified", field.name)
        if call.operation == "update" and not found:
            known = name.startswith(thing.prefix.lower()) and len(name) in (15, 18)
            code = "ENTITY_IS_DELETED" if known else "MALFORMED_ID"
            return _refused(code, "entity is deleted" if known else f"bad id {name}", "Id")
        if name and call.seen[name] > 1:
            return _refused("DUPLICATE_VALUE", f"duplicate value found: {field.name} duplicates value", field.name)
        if len(found) > 1:
            return _refused("DUPLICATE_EXTERNAL_ID", f"{field.name}: more than one record found: {name}", field.name)
        if found and found[0]["data"].get("IsConverted"):
            return _refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        lacking = [name for name in thing.required if (row[name] in (None, "") if name in row else not found)]
        if lacking:
            return _refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(lacking)}]", *lacking)
        for given, value in row.items():
            if value is None or value == "" or given == "Id":
                continue
            one = thing.fields[given.lower()]
            if one.target and value not in call.referred:
                return _refused("INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {value}", given)
            if not one.writable or (one.target and found):
                return _refused("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {given}", given)
            problem = one.invalid(value)
            if problem:
                return _refused(*problem, given)
        if thing.unique and call.operation == "insert":
            if name_of(thing, row) in call.taken:
                return _refused("DUPLICATE_VALUE", "Already a campaign member.", *thing.unique)
            call.taken.add(name_of(thing, row))
        if call.faulty and self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=json.dumps(row)):
            return _refused("DUPLICATES_DETECTED", "Use one of these records?")
        return None


class _Call(NamedTuple):
    """What the records of one call have in common."""

    thing: Thing
    field: Field
    operation: str
    seen: Counter[str]
    taken: set[str]
    referred: set[str]
    faulty: bool


def name_of(thing: Thing, data: Row) -> str:
    """Return the name by which a record is found: its external id, or what must be unique of it."""
    values = [str(data.get(name) or "") for name in thing.unique or ("Weft_Id__c",)]
    return f"{thing.name}:{':'.join(values).lower()}" if all(values) else ""


def _refused(code: str, message: str, *fields: str) -> dict[str, Any]:
    return {"statusCode": code, "message": message, "fields": list(fields)}
