"""What Google says of a request some half hour later: which of its rows it took, and what kept it from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.destinations.codes import inside, objects, result, short
from reverse_etl.destinations.google.codes import CODES, FAILED, PREFIXES, ROW_COUNT, UNNAMED
from reverse_etl.rows import Outcome, Row, RowResult

_DONE = ("SUCCESS", "PARTIAL_SUCCESS", "FAILED")
_COUNTED_IN = ("audienceMembersIngestionStatus", "audienceMembersRemovalStatus", "eventsIngestionStatus")


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows in the one order that a request is written and read back in, whatever order they were kept in."""
    return sorted(rows, key=lambda row: row.key)


def results(rows: Sequence[Row], answer: Mapping[str, Any]) -> list[RowResult] | None:
    """Return one result per row of a request, or ``None`` while Google is at it.

    A warning is no refusal: Google took the row, without the part that it warns of.

    Args:
        rows: The rows of the request.
        answer: What Google says of it; a request of ours has one destination.
    """
    status = next(iter(objects(answer.get("requestStatusPerDestination"))), {})
    if status.get("requestStatus") not in _DONE:
        return None
    rows = in_order(rows)
    refused, unnamed = _refused(status)
    total = _total(status)
    if refused and total is not None and total != len(rows):
        # Places count from the start of what was sent: with other rows at hand they would name the wrong people.
        return [result(CODES, row.key, ROW_COUNT) for row in rows]
    if status["requestStatus"] == "FAILED":
        fallback = _only(refused, unnamed) or FAILED
    else:
        # Some row failed and Google does not say which: no other row may be called applied.
        fallback = UNNAMED if sum(unnamed.values()) or _says_nothing(status, refused) else ""
    return [_told(row.key, refused.get(place), fallback) for place, row in enumerate(rows)]


def _told(key: str, code: str | None, fallback: str) -> RowResult:
    named = code or fallback
    return result(CODES, key, named) if named else RowResult(key, Outcome.APPLIED)


def _refused(status: Mapping[str, Any]) -> tuple[dict[int, str], Counter[str]]:
    """Return the code of each refused place, and how many rows each code refused beyond those that it names."""
    refused: dict[int, str] = {}
    unnamed: Counter[str] = Counter()
    for count in objects(inside(status.get("errorInfo")).get("errorCounts")):
        code = _code(count.get("reason"))
        given = count.get("recordIndices")
        places = [place for place in given if isinstance(place, int)] if isinstance(given, list) else []
        for place in places:
            refused.setdefault(place, code)
        unnamed[code] += max((_number(count.get("recordCount")) or 0) - len(places), 0)
    return refused, unnamed


def _only(refused: Mapping[int, str], unnamed: Mapping[str, int]) -> str | None:
    """Return the one code that a failed request has for all its rows, where it has no other."""
    codes = {*refused.values(), *(code for code, rows in unnamed.items() if rows)}
    return codes.pop() if len(codes) == 1 else None


def _says_nothing(status: Mapping[str, Any], refused: Mapping[int, str]) -> bool:
    return status["requestStatus"] == "PARTIAL_SUCCESS" and not refused


def _code(reason: Any) -> str:
    text = str(reason)
    for prefix in PREFIXES:
        text = text.removeprefix(prefix)
    return text if text in CODES else short(text)


def _total(status: Mapping[str, Any]) -> int | None:
    """Return how many rows Google counts in the request, where it says."""
    for name in _COUNTED_IN:
        counted = inside(status.get(name))
        for place in (counted, *(inside(value) for value in counted.values())):
            if (number := _number(place.get("recordCount"))) is not None:
                return number
    return None


def _number(value: Any) -> int | None:
    """Return a number of 64 bits, which Google writes as text."""
    return int(value) if str(value).isdecimal() else None
