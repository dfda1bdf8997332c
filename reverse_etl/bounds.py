"""How limits are written: a share or a number of rows, a length of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_SHARE = re.compile(r"(?P<percent>\d+(?:\.\d+)?)\s*%(?:\s+from\s+(?P<floor>\d+)(?:\s+rows?)?)?")
_DURATION = re.compile(r"(?P<count>\d+)\s*(?P<unit>minutes?|hours?|days?|m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
#: A share of fewer rows than this says nothing, unless it is written otherwise: one of three people is 33%.
FLOOR = 20


@dataclass(frozen=True, slots=True)
class Bound:
    """Most rows, as a number or as a share of what is held.

    Attributes:
        rows: The number.
        percent: Or the share.
        floor: Rows that must be held for the share to count.
    """

    rows: int | None = None
    percent: float | None = None
    floor: int = FLOOR

    def allows(self, rows: int, of: int) -> bool:
        """Tell whether that many rows of so many are within the bound."""
        if self.rows is not None:
            return rows <= self.rows
        return of < self.floor or rows * 100 <= (self.percent or 0) * of

    def __str__(self) -> str:
        if self.rows is not None:
            return rows_of(self.rows)
        return f"{self.percent:g}%" + (f" from {self.floor} rows" if self.floor != FLOOR else "")


def _bound(value: Any) -> Any:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())) and float(match["percent"]) <= 100:
        floor = FLOOR if match["floor"] is None else int(match["floor"])
        return Bound(percent=float(match["percent"]), floor=floor)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Bound(rows=value)
    if isinstance(value, Bound) or value is None:
        return value
    raise ValueError("write a share such as 20% (at most 100%), 20% from 5 rows, or a number of rows such as 500")


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return timedelta(**{_UNITS[match["unit"][0]]: int(match["count"])})
    if isinstance(value, timedelta) or value is None:
        return value
    raise ValueError("write a duration such as 36h, 90m or 2d")


AnyBound = Annotated[Bound, BeforeValidator(_bound)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


def rows_of(count: int) -> str:
    """Return a number of rows for people."""
    return f"{count:,} row" + ("" if count == 1 else "s")


def shown(length: timedelta) -> str:
    """Return a length of time for people, in the two largest units that it has."""
    minutes = max(int(length.total_seconds()), 0) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2]) or "0 min"
