"""The wall clock, in one place, so that tests can turn it. It dates and it waits; it decides nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the moment in UTC, without a zone, as the warehouse keeps it."""
        return datetime.now(UTC).replace(tzinfo=None)

    def elapsed(self) -> float:
        """Return seconds that only go up."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def utc(moment: datetime) -> datetime:
    """Return a moment in UTC without a zone; one that has none is taken for UTC."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
