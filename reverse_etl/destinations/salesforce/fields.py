"""What Salesforce tells of an object: which fields it has, what may be written to them, and how they take values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.codes import objects
from reverse_etl.errors import DestinationRefused
from reverse_etl.wire import encode

ID = "Id"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")  #: of an object or a field; paths and queries are made of them

_NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?(?:\.\d{1,6})?)\s*(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Thing:
    """An object of an org, as the connection's user sees it.

    Attributes:
        name: Its API name.
        rights: What the user may do with its records: of ``createable`` and ``updateable``.
        described: Its fields by their name in lower case: Salesforce takes names in any case, and so does a feed.
    """

    name: str
    rights: frozenset[str]
    described: Mapping[str, Mapping[str, Any]] = field(repr=False)
    _known: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Thing:
        """Return what a describe told."""
        fields = {str(found.get("name", "")).lower(): found for found in objects(body.get("fields"))}
        rights = frozenset(right for right in ("createable", "updateable") if body.get(right))
        return cls(str(body.get("name", "")), rights, fields)

    def field(self, column: str) -> str:
        """Return a field as Salesforce spells it."""
        return str(self.described.get(column.lower(), {}).get("name", column))

    def record(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns and values as fields and what they take."""
        record = {}
        for column, value in values.items():
            known = self._known.get(column)
            if known is None:
                kind = str(self.described.get(column.lower(), {}).get("type", "string"))
                known = self._known[column] = (self.field(column), kind)
            record[known[0]] = value if value is None else _value(known[1], value)
        return record

    def is_number(self, column: str) -> bool:
        """Return whether a field holds numbers."""
        return self.described.get(column.lower(), {}).get("type") in _NUMBERS

    def refuse_unless_fit(self, mode: Mode, key: str, columns: Collection[str]) -> None:
        """Refuse a feed that would be refused row by row.

        Args:
            mode: Whether records are created.
            key: The column that they are found by.
            columns: The feed's; none where they are not known.

        Raises:
            DestinationRefused: The message names every field that is in the way.
        """
        self.refuse_unless_key(mode, key)
        self.refuse_unless_writable(mode, {column for column in columns if column.lower() != key.lower()})
        lacking = [] if mode is Mode.UPDATE or not columns else self._lacking({key, *columns})
        if lacking:
            raise DestinationRefused(
                f"A new {self.name} of Salesforce needs fields that the feed has no column for.",
                where=f"field {', '.join(lacking)}",
                fix="Add the columns to the feed, or use mode: update, which creates nothing.",
            )

    def refuse_unless_writable(self, mode: Mode, columns: Collection[str]) -> None:
        """Refuse columns that are no fields, or none that may be written.

        Raises:
            DestinationRefused: The message names all of them.
        """
        wanted = ("updateable",) if mode is Mode.UPDATE else ("createable", "updateable")
        if not self.rights.issuperset(wanted):
            raise DestinationRefused(
                f"The connection's user may not write Salesforce's {self.name}.",
                where="the exposure's sync block, field target",
                fix="Give the user the object permissions Create and Edit, in its profile or a permission set.",
            )
        unknown = sorted(column for column in columns if column.lower() not in self.described)
        if unknown:
            raise DestinationRefused(
                f"Salesforce's {self.name} lacks fields that the feed has columns for, or hides them from the user.",
                where=f"feed column {', '.join(unknown)}",
                fix="Create the field, give the user access to it (field-level security), or leave the column out.",
            )
        fixed = [one for one in sorted(columns) if not all(self.described[one.lower()].get(name) for name in wanted)]
        if fixed:
            raise DestinationRefused(
                f"Fields of Salesforce's {self.name} cannot be written by the connection's user.",
                where=f"feed column {', '.join(fixed)}",
                fix="Give the user edit access to the field; leave out formulas and what Salesforce fills by itself.",
            )

    def refuse_unless_key(self, mode: Mode, key: str) -> None:
        """Refuse a key that records cannot be found by.

        Raises:
            DestinationRefused: It is one.
        """
        found = self.described.get(key.lower(), {})
        if key.lower() == ID.lower():
            if mode is not Mode.UPDATE:
                raise DestinationRefused(
                    "By its own id, Salesforce can only update a record.",
                    where="the exposure's sync block, field key",
                    fix="Use mode: update, or an external id field as the key.",
                )
        elif not found.get("externalId") and not found.get("idLookup"):
            raise DestinationRefused(
                f"Salesforce cannot find a {self.name} by {key!r}.",
                where="the exposure's sync block, field key",
                fix="Use a field that is marked as External ID (or that Salesforce can look up, such as a contact's "
                "Email), or id with mode: update.",
            )

    def _lacking(self, columns: Iterable[str]) -> list[str]:
        had = {column.lower() for column in columns}
        return sorted(
            str(found["name"])
            for name, found in self.described.items()
            if name not in had
            and found.get("createable")
            and found.get("nillable") is False
            and found.get("defaultedOnCreate") is False
        )


def _value(kind: str, value: Any) -> Any:
    """Return a value as a field of a kind takes it."""
    if kind in _NUMBERS:
        return float(value) if isinstance(value, Decimal) else value
    if kind == "boolean" and not isinstance(value, str):
        return value
    if kind == "datetime":
        return _moment(value)
    if kind == "date":
        return _moment(value)[:10]
    return text(value)


def text(value: Any) -> str:
    """Return a value as Salesforce spells it in a field of text, or in a cell of CSV."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return _moment(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | tuple):
        return ";".join(text(one) for one in value)  # as multi-select picklists have it
    return encode(value).decode()


def _moment(value: Any) -> str:
    """Return a day or a moment in ISO 8601, a moment without a zone in UTC; any other text as it is."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    match = _MOMENT.fullmatch(str(value).strip())
    return f"{match[1]}T{match[2]}{match[3] or 'Z'}" if match else str(value)
