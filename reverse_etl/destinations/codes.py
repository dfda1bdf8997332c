"""What is taken from a vendor's answer about a row: a code, which per destination one table gives a meaning.

Codes are the vendor's own short ones, or ours for what the vendor has no code for. Nothing else of an answer gets
into a result: messages echo people's data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from reverse_etl.rows import Outcome, RowResult

OTHER = "other"  #: stands for every code that a table does not list

_SHORT = re.compile(r"[A-Za-z][A-Za-z_.-]{0,49}|[1-5][0-9]{2}")


class Meaning(NamedTuple):
    """What a code means for a row, and our own words for it."""

    outcome: Outcome
    reason: str


Codes = Mapping[str, Meaning]


def result(codes: Codes, key: str, code: str, destination_id: str | None = None) -> RowResult:
    """Return the result of a row, by its code; a code that the table does not list means what ``other`` does."""
    listed = codes.get(code)
    outcome, reason = listed or codes[OTHER]
    return RowResult(key, outcome, code if listed else short(code), reason, destination_id=destination_id)


def short(code: Any) -> str:
    """Return a vendor's code if it has the form of one: a word without digits, or an HTTP status.

    A vendor that puts something else there could put a person's address there.
    """
    text = str(code)
    return text if _SHORT.fullmatch(text) else OTHER


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer; none where the answer has something else there."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def inside(value: Any) -> dict[str, Any]:
    """Return an object of an answer; an empty one where the answer has something else there."""
    return value if isinstance(value, dict) else {}
