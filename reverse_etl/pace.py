"""How fast a connection may call: a generic cell-rate limiter that also listens to what the vendor's headers say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: (calls left, what to do about the time until they come back) in the spellings that vendors use.
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-HubSpot-RateLimit-Remaining")
_RESET_SECONDS = ("RateLimit-Reset", "X-RateLimit-Reset")
_RESET_MILLISECONDS = ("X-HubSpot-RateLimit-Interval-Milliseconds",)
_RETRY_AFTER = ("Retry-After", "X-RateLimit-Retry-After")

_EPOCH_FROM = 1_000_000_000  # a reset this large is a moment, not a duration


class Pacer:
    """Spreads the calls of one rate budget: ``burst`` at once, then ``calls_per_second``.

    It works by reservation: :meth:`reserve` says how long to wait for the next call, so nothing here sleeps or loops.

    Args:
        calls_per_second: Sustained calls a second.
        burst: Calls that may be made at once.
        clock: Seconds that only go up.
    """

    def __init__(self, calls_per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / calls_per_second
        self._tolerance = (max(burst, 1) - 1) * self._interval
        self._clock = clock
        self._due = float("-inf")  # when the next call is due at the sustained pace
        self._closed_until = float("-inf")

    def reserve(self) -> float:
        """Take the next place in the queue and return the seconds to wait for it."""
        now = self._clock()
        start = max(now, self._due - self._tolerance, self._closed_until)
        self._due = max(self._due, start) + self._interval
        return start - now

    def close(self, seconds: float) -> None:
        """Let no call through for that many seconds from now."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)


def pause_when_spent(headers: Mapping[str, str], *, most: float) -> float:
    """Return how many seconds to stay away when the headers say that no call is left in this window, else 0.

    Args:
        headers: Response headers, looked up without regard to case.
        most: Never longer than this many seconds, whatever the header says.
    """
    remaining = _number(_first(headers, _REMAINING))
    if remaining is None or remaining > 0:
        return 0.0
    seconds = _number(_first(headers, _RESET_SECONDS))
    if seconds is not None:
        return _clamp(seconds - time.time() if seconds > _EPOCH_FROM else seconds, most)
    milliseconds = _number(_first(headers, _RESET_MILLISECONDS))
    return _clamp(milliseconds / 1000, most) if milliseconds is not None else 0.0


def retry_after(headers: Mapping[str, str], *, most: float) -> float | None:
    """Return the seconds that the vendor asks to wait before the next attempt, or ``None`` where it does not say.

    Understands Retry-After as seconds and as an HTTP date (RFC 9110, section 10.2.3), and falls back on the reset of a
    spent rate window.
    """
    told = _first(headers, _RETRY_AFTER)
    if told is None:
        return pause_when_spent(headers, most=most) or None
    seconds = _number(told)
    if seconds is not None:
        return _clamp(seconds, most)
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _clamp((moment - datetime.now(UTC)).total_seconds(), most)


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def _number(text: str | None) -> float | None:
    """Read the first number of a header such as ``150`` or ``150, 10;w=1``."""
    if text is None:
        return None
    try:
        return float(text.split(",")[0].split(";")[0])
    except ValueError:
        return None


def _clamp(seconds: float, most: float) -> float:
    return min(max(seconds, 0.0), most)
