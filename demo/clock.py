"""The demo's calendar: day 1 ends at a fixed moment after 24 months of history; each later day adds 24 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: The end of day 1.
FIRST_END = datetime(2026, 7, 1, tzinfo=UTC)


def as_of(day: int) -> datetime:
    """The moment at which a day ends; everything of that day was loaded before it."""
    return FIRST_END + timedelta(days=day - 1)


def end(day: int) -> int:
    """The end of a day in microseconds since 1970."""
    return int(as_of(day).timestamp()) * SECOND


def start(day: int) -> int:
    """The start of a later day, or of the 24 months of history for day 1, in microseconds since 1970."""
    return end(day) - (730 if day == 1 else 1) * DAY
