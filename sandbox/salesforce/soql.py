"""As much of SOQL as looking records up and counting them takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.records import Records
from sandbox.salesforce.schema import THINGS, Field, Thing

_QUERY = re.compile(r"select\s+(?P<what>.+?)\s+from\s+(?P<thing>\w+)(?:\s+where\s+(?P<where>.+))?", re.I | re.S)
_IN = re.compile(r"(?P<field>\w+)\s+in\s*\((?P<values>.*)\)", re.I | re.S)
_FILLED = re.compile(r"(?P<field>\w+)\s*!=\s*null", re.I)
_VALUE = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(-?\d+(?:\.\d+)?))\s*(,|$)", re.S)


class MalformedQueryError(Exception):
    """A query that Salesforce refuses.

    Args:
        code: Its error code.
        message: Its message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Query:
    """A query that was understood."""

    thing: Thing
    fields: tuple[str, ...]
    counts: bool
    by: Field | None
    values: tuple[str, ...]
    filled: tuple[str, ...]

    def select(self, held: Records) -> list[dict[str, Any]]:
        """Return the records that it means."""
        if self.by is not None:
            return [row for rows in held.find(self.thing, self.by, self.values).values() for row in rows]
        rows = held.all(self.thing)
        if not self.filled:
            return rows
        return [row for row in rows if any(row["data"].get(name) is not None for name in self.filled)]

    @staticmethod
    def value(row: Mapping[str, Any], name: str) -> Any:
        """Return the value of a field of a record."""
        return row["id"] if name == "Id" else row["data"].get(name)


def parse(text: str) -> Query:
    """Return what a query asks for.

    Raises:
        MalformedQueryError: Salesforce would refuse it, or the sandbox does not know that much of SOQL.
    """
    match = _QUERY.fullmatch(text.strip())
    if match is None:
        raise MalformedQueryError("MALFORMED_QUERY", "unexpected token")
    thing = THINGS.get(match["thing"].lower())
    if thing is None:
        raise MalformedQueryError("INVALID_TYPE", f"sObject type '{match['thing']}' is not supported.")
    counts = match["what"].replace(" ", "").lower() == "count()"
    fields = () if counts else tuple(_field(thing, name).name for name in match["what"].split(","))
    where = (match["where"] or "").strip()
    named = _IN.fullmatch(where)
    if named:
        return Query(thing, fields, counts, _field(thing, named["field"]), _values(named["values"]), ())
    parts = [_FILLED.fullmatch(part.strip()) for part in re.split(r"\sor\s", where, flags=re.I)] if where else []
    filled = []
    for part in parts:
        if part is None:
            raise MalformedQueryError("MALFORMED_QUERY", "The sandbox knows IN and != null.")
        filled.append(_field(thing, part["field"]).name)
    return Query(thing, fields, counts, None, (), tuple(filled))


def _field(thing: Thing, name: str) -> Field:
    field = thing.fields.get(name.strip().lower())
    if field is None:
        raise MalformedQueryError("INVALID_FIELD", f"No such column '{name}' on entity '{thing.name}'.")
    return field


def _values(text: str) -> tuple[str, ...]:
    values, place = [], 0
    while place < len(text):
        match = _VALUE.match(text, place)
        if match is None:
            raise MalformedQueryError("MALFORMED_QUERY", "unexpected token in the list")
        quoted, number, _ = match.groups()
        values.append(number if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        place = match.end()
    return tuple(values)
