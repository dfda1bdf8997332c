"""What leaves of a row for a platform: a table says for each of its fields where the value is and how it is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from reverse_etl.hashing.spellings import Spelling, country

#: The column that national phone numbers, states and postal codes are read with.
COUNTRY = "country"

_DIGEST = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


class Field(NamedTuple):
    """One field of a platform.

    Attributes:
        column: The feed's column.
        name: The platform's name for the field.
        spell: How the value is spelled.
        hashed: Whether what leaves is the SHA-256 of the spelled value, as lower-case hex.
    """

    column: str
    name: str
    spell: Spelling
    hashed: bool = True


Table = tuple[Field, ...]


def told(table: Table, row: Mapping[str, Any]) -> dict[str, str]:
    """Return what leaves of a row: the platform's field to the hash or the value; nothing for what the row has not.

    A value that is a SHA-256 already is passed on where a hash is asked for, in lower case: hashed twice it would match
    nobody. Whether it was spelled by this platform's rules, only the feed can know.
    """
    region = country(str(row[COUNTRY])) or None if row.get(COUNTRY) is not None else None
    values: dict[str, str] = {}
    for field in table:
        value = row.get(field.column)
        leaving = "" if value is None else _told(field, str(value), region)
        if leaving:
            values[field.name] = leaving
    return values


def columns(table: Table) -> frozenset[str]:
    """Return the columns that a table reads, with the country that others are read with."""
    return frozenset({field.column for field in table} | {COUNTRY})


def hashed_columns(table: Table) -> frozenset[str]:
    """Return the columns of which nothing leaves but a hash."""
    return columns(table) - {field.column for field in table if not field.hashed}


def digest(spelled: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as lower-case hex."""
    return hashlib.sha256(spelled.encode()).hexdigest()


def _told(field: Field, value: str, region: str | None) -> str:
    if field.hashed and _DIGEST.fullmatch(value.strip()):
        return value.strip().lower()
    spelled = field.spell(value, region)
    return digest(spelled) if spelled and field.hashed else spelled
