"""Members of a customer file custom audience: the bodies that add and remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.hashing.table import told
from reverse_etl.hashing.vendors import META_AUDIENCE

#: A person is found by one of these alone.
_ALONE = frozenset({"EMAIL", "PHONE", "MADID"})


def member(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return what Meta is told of a feed row: its name for a field to the hash or the value."""
    return told(META_AUDIENCE, payload)


def can_match(entry: Mapping[str, str]) -> bool:
    """Return whether Meta could find a person by this: an address, a number, a device, or a full name and a place."""
    full_name = "FN" in entry and "LN" in entry
    return bool(_ALONE & entry.keys() or (full_name and ("CT" in entry or "ZIP" in entry)))


def upload(entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the body that adds or removes these members, with the fields that any of them has."""
    schema = [field.name for field in META_AUDIENCE if any(field.name in entry for entry in entries)]
    return {"payload": {"schema": schema, "data": [[entry.get(name, "") for name in schema] for entry in entries]}}


def size(payload: Mapping[str, Any]) -> int:
    """Return the bytes that a row adds to an upload, at most: what is present counts as a hash."""
    present = [(payload.get(field.column), field.hashed) for field in META_AUDIENCE]
    return 2 + sum(3 + (0 if value is None else 64 if hashed else 4 * len(str(value))) for value, hashed in present)
