"""As much of SOQL as looking records up and counting them takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from sandbox.salesforce.records import Records, name_of
from sandbox.salesforce.schema import THINGS, Field, Thing

_QUERY = re.compile(r"select\s+(?P<what>.+?)\s+from\s+(?P<thing>\w+)(?:\s+where\s+(?P<where>.+))?", re.I | re.S)
_IN = re.compile(r"(?P<field>\w+)\s+in\s*\((?P<values>.*)\)", re.I | re.S)
_IS = re.compile(r"(?P<field>\w+)\s*=\s*(?P<values>'(?:[^'\\]|\\.)*')", re.S)
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
    """A query that was understood.

    Attributes:
        thing: The object.
        fields: What to return: names of fields, or of a field of a contact that a record refers to.
        counts: Whether only the number is asked for.
        named: Fields, and the values that they must be one of.
        filled: Fields, of which one must hold a value.
    """

    thing: Thing
    fields: tuple[str, ...]
    counts: bool
    named: Mapping[str, tuple[str, ...]]
    filled: tuple[str, ...]

    def select(self, held: Records) -> list[dict[str, Any]]:
        """Return the records that it means."""
        rows = self._candidates(held)
        for name, values in self.named.items():
            wanted = {value.lower() for value in values}
            rows = [row for row in rows if str(self._value(row, name) or "").lower() in wanted]
        return [row for row in rows if not self.filled or any(row["data"].get(f) is not None for f in self.filled)]

    def record(self, row: Mapping[str, Any], held: Records) -> dict[str, Any]:
        """Return a record as the answer has it."""
        told: dict[str, Any] = {"attributes": {"type": self.thing.name}}
        for name in self.fields:
            other, _, field = name.rpartition(".")
            if other:
                person = held.store.find_record("salesforce", record_id=str(row["data"].get(f"{other}Id") or ""))
                told[other] = {field: self._value(person, field)} if person else None
            else:
                told[name] = self._value(row, name)
        return told

    def _candidates(self, held: Records) -> list[dict[str, Any]]:
        if self.thing.unique and set(self.thing.unique) <= set(self.named):
            first, second = (self.named[name] for name in self.thing.unique)
            names = [
                name_of(self.thing, dict(zip(self.thing.unique, pair, strict=True))) for pair in product(first, second)
            ]
            return held.named(self.thing, names)
        for name, values in self.named.items():
            field = self.thing.fields[name.lower()]
            if field.external_id or field.id_lookup:
                return [row for rows in held.find(self.thing, field, values).values() for row in rows]
        return held.all(self.thing)

    @staticmethod
    def _value(row: Mapping[str, Any], name: str) -> Any:
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
    fields = () if counts else tuple(_selected(thing, name.strip()) for name in match["what"].split(","))
    where = (match["where"] or "").strip()
    named: dict[str, tuple[str, ...]] = {}
    filled: list[str] = []
    for part in _outside_quotes(where, "and"):
        condition = _IN.fullmatch(part) or _IS.fullmatch(part)
        if condition:
            named[_field(thing, condition["field"]).name] = _values(condition["values"])
            continue
        for one in _outside_quotes(part, "or"):
            found = _FILLED.fullmatch(one)
            if found is None:
                raise MalformedQueryError("MALFORMED_QUERY", "The sandbox knows IN, = and != null.")
            filled.append(_field(thing, found["field"]).name)
    return Query(thing, fields, counts, named, tuple(filled))


def _outside_quotes(text: str, word: str) -> list[str]:
    """Return the parts of a text between a word that does not stand within quotes."""
    pieces = re.split(r"('(?:[^'\\]|\\.)*')", text)
    marked = [
        piece if place % 2 else re.sub(rf"\s+{word}\s+", "\0", piece, flags=re.I) for place, piece in enumerate(pieces)
    ]
    return [part.strip() for part in "".join(marked).split("\0") if part.strip()]


def _selected(thing: Thing, name: str) -> str:
    other, _, field = name.rpartition(".")
    if not other:
        return _field(thing, field).name
    reference = _field(thing, f"{other}Id")
    return f"{reference.target}.{_field(THINGS[reference.target.lower()], field).name}"


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
