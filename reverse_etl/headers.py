"""What a vendor says of its rate limit in the headers of an answer, in the spellings that vendors use.

Understood are the fields of the IETF draft "RateLimit header fields for HTTP" in its older form (``RateLimit-Limit``,
``-Remaining``, ``-Reset``) and its newer one (``RateLimit`` and ``RateLimit-Policy``), ``X-RateLimit-*``, HubSpot's
``X-HubSpot-RateLimit-*``, and ``Retry-After`` as seconds and as a date (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

DAY = 86_400.0  #: seconds

#: (calls in a window, calls left of them, when they come back)
_FAMILIES = (
    ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"),
)
_RETRY_AFTER = ("Retry-After", "X-RateLimit-Retry-After")

_MOST = 1e15
_EPOCH_FROM = 1_000_000_000.0  # a reset this large is a moment, not a duration
_MILLISECONDS_FROM = 1_000_000_000_000.0  # and this large, one in milliseconds
_ITEM = re.compile(r'\s*(?:"[^"]*"|[^",;]*)(?:\s*;\s*[A-Za-z][\w-]*\s*=\s*(?:"[^"]*"|[^",;]*))*\s*(?:,|$)')
_PARAMETER = re.compile(r'[;,]\s*([A-Za-z][\w-]*)\s*=\s*("[^"]*"|[^",;]*)')


@dataclass(frozen=True, slots=True)
class Window:
    """One limit of an account. What a vendor does not say is ``None``.

    Attributes:
        limit: Calls that it allows.
        seconds: How long it lasts.
        remaining: Calls that are left of it.
        resets_in: Seconds until there are ``limit`` calls again.
    """

    limit: float | None = None
    seconds: float | None = None
    remaining: float | None = None
    resets_in: float | None = None

    @property
    def spent_for(self) -> float:
        """Seconds for which no call is left in this window, as far as is known; 0 where calls are left."""
        if self.remaining is None or self.remaining > 0:
            return 0.0
        if self.resets_in is not None:
            return self.resets_in
        # A window that slides gives its calls back one by one, a day begins at an hour that nobody tells.
        return self.seconds if self.seconds is not None and self.seconds < DAY else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer says.

    Attributes:
        windows: The limits that it names.
        retry_after: Seconds to stay away that it asks for in so many words.
    """

    windows: tuple[Window, ...] = ()
    retry_after: float | None = None

    @property
    def pause(self) -> float:
        """Seconds for which no call is left; 0 where calls are left or nothing was said."""
        return max((window.spent_for for window in self.windows), default=0.0)

    @property
    def wait(self) -> float | None:
        """Seconds to wait before the next attempt, or ``None`` where the vendor does not say."""
        return self.retry_after if self.retry_after is not None else (self.pause or None)


def read(headers: Mapping[str, str], wall: float) -> Reading:
    """Read the headers of an answer.

    A moment is counted from the answer's own ``Date`` where it has one: what differs between the vendor's clock and
    this machine's then does no harm.

    Args:
        headers: Looked up without regard to case.
        wall: Seconds since 1970 by this machine's clock.
    """
    now = _moment(headers.get("Date"))
    now = wall if now is None else now
    windows = [*_structured(headers), *_hubspot(headers)]
    for names in _FAMILIES:
        windows += _family(headers, names, now)
    return Reading(tuple(windows), _retry_after(headers, now))


def _family(headers: Mapping[str, str], names: tuple[str, str, str], now: float) -> list[Window]:
    """Read ``Limit: 10, 10;w=1, 150;w=60`` with its ``Remaining`` and ``Reset``: they tell of the first limit."""
    limits = [(_number(item), _number(values.get("w"))) for item, values in _items(headers.get(names[0]))]
    remaining = _number(_head(headers.get(names[1])))
    reset = _number(_head(headers.get(names[2])))
    if not limits and remaining is None:
        return []
    first, length = limits[0] if limits else (None, None)
    if length is None:
        length = next((seconds for limit, seconds in limits if seconds is not None and limit == first), None)
    windows = [Window(first, length, remaining, None if reset is None else _duration(reset, now))]
    for limit, seconds in limits[1:]:
        if seconds is not None and (limit, seconds) != (first, length):
            windows.append(Window(limit, seconds))
    return windows


def _structured(headers: Mapping[str, str]) -> list[Window]:
    """Read ``RateLimit: "burst";r=50;t=30`` with its ``RateLimit-Policy: "burst";q=100;w=60``, and the form before."""
    found: dict[str, Window] = {}
    for name, values in _items(headers.get("RateLimit-Policy")):
        quota = _number(values.get("q"))
        found[name] = Window(_number(name) if quota is None else quota, _number(values.get("w")))
    text = headers.get("RateLimit")
    if text is None:
        return [window for window in found.values() if window.limit is not None]
    older = dict(_PARAMETER.findall("," + text))
    if "remaining" in older:  # limit=100, remaining=50, reset=5
        limit = _number(older.get("limit"))
        name = next((name for name, window in found.items() if window.limit == limit), "")
        told = found.get(name, Window(limit))
        found[name] = replace(told, remaining=_number(older["remaining"]), resets_in=_number(older.get("reset")))
    else:
        for name, values in _items(text):
            told = found.get(name, Window())
            found[name] = replace(told, remaining=_number(values.get("r")), resets_in=_number(values.get("t")))
    return [window for window in found.values() if window.limit is not None or window.remaining is not None]


def _hubspot(headers: Mapping[str, str]) -> list[Window]:
    """Read HubSpot's sliding window, whose length is told in milliseconds, and the calls of the day."""
    windows = []
    remaining = _number(headers.get("X-HubSpot-RateLimit-Remaining"))
    length = _number(headers.get("X-HubSpot-RateLimit-Interval-Milliseconds"))
    if remaining is not None:
        limit = _number(headers.get("X-HubSpot-RateLimit-Max"))
        windows.append(Window(limit, None if length is None else length / 1000, remaining))
    daily = _number(headers.get("X-HubSpot-RateLimit-Daily-Remaining"))
    if daily is not None:
        windows.append(Window(_number(headers.get("X-HubSpot-RateLimit-Daily")), DAY, daily))
    return windows


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    told = next((headers[name] for name in _RETRY_AFTER if name in headers), None)
    if told is None:
        return None
    seconds = _number(told)
    if seconds is not None:
        return _duration(seconds, now)
    moment = _moment(told)
    return None if moment is None else max(moment - now, 0.0)


def _duration(value: float, now: float) -> float:
    """Return seconds from now, for a value that may be a duration or a moment."""
    if value > _MILLISECONDS_FROM:
        value /= 1000
    return max(value - now if value > _EPOCH_FROM else value, 0.0)


def _moment(text: str | None) -> float | None:
    """Return an HTTP date in seconds since 1970, or ``None``."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _items(text: str | None) -> list[tuple[str, dict[str, str]]]:
    """Split a list of items with parameters: ``"a";q=1;w=2, b``."""
    if not text:
        return []
    items = []
    for match in _ITEM.finditer(text):
        whole = match[0].strip().rstrip(",")
        if whole:
            items.append((_head(whole).strip().strip('"'), dict(_PARAMETER.findall(whole))))
    return items


def _head(text: str | None) -> str:
    """Return what comes before the first parameter or comma: ``150`` of ``150, 10;w=1``."""
    return re.split(r"[,;]", text, maxsplit=1)[0] if text else ""


def _number(text: str | None) -> float | None:
    """Return a number that a limit can have, or ``None`` for anything else."""
    try:
        number = float((text or "").strip().strip('"'))
    except ValueError:
        return None
    return number if abs(number) <= _MOST else None
