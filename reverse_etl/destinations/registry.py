"""Finds a destination by the name that ``connections.yml`` uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from reverse_etl.account import account_file, uptime
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import Destination
from reverse_etl.destinations.hubspot import HubSpot
from reverse_etl.destinations.klaviyo import Klaviyo
from reverse_etl.destinations.meta import Meta
from reverse_etl.errors import ConfigError
from reverse_etl.http import HttpClient

#: Adding a destination is one module and one line here.
DESTINATIONS: tuple[type[Destination], ...] = (HubSpot, Klaviyo, Meta)


def names() -> list[str]:
    """Return the names of all destinations, sorted."""
    return sorted(destination.name for destination in DESTINATIONS)


def get(name: str) -> type[Destination]:
    """Return the destination of that name.

    Raises:
        ConfigError: There is none; the message lists those that there are.
    """
    for destination in DESTINATIONS:
        if destination.name == name:
            return destination
    close = get_close_matches(name, names(), n=1)
    raise ConfigError(
        f"There is no destination called {name!r}.",
        where="connections.yml, field destination",
        fix=f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(names())}.",
    )


def connect(
    name: str, settings: Any, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = uptime
) -> Destination:
    """Return a destination ready to be called, within the rate budget that the machine has for its account.

    Args:
        name: The destination.
        settings: An instance of its ``settings_class``.
        sleep: Waits that many seconds, for tests.
        clock: Seconds that only go up, for tests.

    Raises:
        ConfigError: There is no such destination.
    """
    destination = get(name)
    headers = destination.headers(settings)
    account = account_file(name, settings.base_url, headers)
    http = HttpClient(
        settings.base_url,
        headers,
        budget=Budget(account, clock=clock, sleep=sleep),
        breaker=Breaker(account, destination.label, clock=clock),
        sleep=sleep,
        clock=clock,
    )
    return destination(settings, http)
