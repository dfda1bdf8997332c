"""What the simulated vendors share: requests, replies, routes and rate limits."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.faults import Faults
from sandbox.store import Store


@dataclass(slots=True)
class Request:
    """One HTTP request, read whole.

    Attributes:
        path: Path below the vendor's prefix, with its leading slash.
        query: The last value of each name.
        headers: Header names in lower case.
        body: The decoded JSON or form body, the text of any other type; ``None`` where there is none.
        size: Bytes of the body.
        raw: The body as it came, for what is signed.
        args: What the route's pattern captured.
        rows: How many rows the call carries; a handler sets it for the call log.
        queries: Every value of each name, for vendors that take several.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    size: int
    base_url: str
    raw: bytes = b""
    args: dict[str, str] = field(default_factory=dict)
    template: str = ""
    rows: int = 0
    queries: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Reply:
    """What goes back."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    Attributes:
        template: Path with ``{name}`` for a captured segment; what the call log shows.
        limit: Name of the rate limit that the endpoint falls under.
    """

    method: str
    template: str
    handler: str
    limit: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression."""
        return re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template) + "/?$")


class Windows:
    """Fixed-window rate limits: so many calls per so many seconds, per endpoint.

    Args:
        clock: Seconds; replaced in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, float], tuple[int, int]] = {}

    def take(self, key: str, windows: tuple[tuple[float, float], ...]) -> tuple[float, int, int]:
        """Count one call in every window.

        Args:
            key: What is limited.
            windows: Pairs of seconds and calls, shortest first.

        Returns:
            Seconds to wait (0 when the call is allowed), and what remains and the seconds to the reset of the last
            window.
        """
        now = self._clock()
        wait = 0.0
        remaining = reset = 0
        for seconds, limit in windows:
            slot, used = self._counts.get((key, seconds), (-1, 0))
            current = int(now // seconds)
            used = used if slot == current else 0
            left = (current + 1) * seconds - now
            if used >= limit:
                wait = max(wait, left)
            self._counts[key, seconds] = (current, used)
            remaining, reset = max(int(limit - used - 1), 0), max(int(left + 0.999), 1)
        if not wait:
            for seconds, _ in windows:
                slot, used = self._counts[key, seconds]
                self._counts[key, seconds] = (slot, used + 1)
        return wait, remaining, reset


class Api(ABC):
    """One simulated account at one vendor.

    Args:
        store: What the account holds.
        faults: What goes wrong on purpose.
        limit_scale: Rate limits are multiplied by it, so that a test about something else need not wait.
        job_seconds: How long an asynchronous job takes.

    Attributes:
        name: What the account's prefix and the page call it: the destination's name.
        key: The demo account's credentials.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    key: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]]

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        self.store = store
        self.faults = faults
        self.limit_scale = limit_scale
        self.job_seconds = job_seconds
        self.windows = Windows()
        self._compiled = [(route, route.pattern) for route in self.routes]

    @abstractmethod
    def prepare(self) -> None:
        """Create what the demo account has from the start."""

    @abstractmethod
    def authenticate(self, request: Request) -> Reply | None:
        """Return the vendor's refusal of bad credentials, or ``None``."""

    @abstractmethod
    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in the vendor's shape."""

    @abstractmethod
    def throttled(self, seconds: float) -> Reply:
        """Return the vendor's answer to a call over the limit."""

    @abstractmethod
    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the windows of a named limit."""

    @abstractmethod
    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the rate limit headers of an allowed call."""

    def advance(self) -> None:  # noqa: B027 (most accounts have nothing that takes time)
        """Let time pass: finish what is due. Called before every request and every look from outside."""

    def release(self) -> None:  # noqa: B027 (the same)
        """Let jobs that a fault made stuck go on."""

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a ``connections.yml`` at this account.

        Args:
            url: Where the account is served.
        """
        return {f"{self.name.upper()}_URL": url, f"{self.name.upper()}_API_KEY": self.key}

    def limit_of(self, request: Request, route: Route) -> str:
        """Return the name of the rate limit that a call falls under."""
        return route.limit

    def match(self, request: Request) -> Route | None:
        """Find the route of a request and fill in its arguments."""
        for route, pattern in self._compiled:
            found = pattern.match(request.path)
            if found and route.method == request.method:
                request.args = found.groupdict()
                request.template = route.template
                return route
        return None

    def handle(self, request: Request, route: Route | None) -> Reply:
        """Answer one request."""
        denied = self.authenticate(request)
        if denied is not None:
            return denied
        if route is None:
            return self.refuse(404, "not_found", "The path could not be found.")
        limit = self.limit_of(request, route)
        wait, remaining, reset = self.windows.take(f"{limit}:{route.template}", self.limits(limit))
        if wait:
            return self.throttled(wait)
        with self.store.transaction():
            reply: Reply = getattr(self, route.handler)(request)
        reply.headers = self.limit_headers(limit, remaining, reset) | reply.headers
        return reply
