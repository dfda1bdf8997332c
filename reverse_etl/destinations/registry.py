"""Finds a destination by the name that ``connections.yml`` uses: weft's own, and those that installed packages bring.

A package brings one by an entry point of the group ``weft.destinations``::

    [project.entry-points."weft.destinations"]
    acme = "weft_acme:Acme"
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reverse_etl.account import uptime
from reverse_etl.destinations.base import Destination
from reverse_etl.errors import ConfigError

GROUP = "weft.destinations"

#: weft's own, loaded when they are asked for. Adding one is one package beside these and one line here.
BUILT_IN: Mapping[str, str] = {
    "braze": "reverse_etl.destinations.braze.destination:Braze",
    "customerio": "reverse_etl.destinations.customerio.destination:CustomerIo",
    "files": "reverse_etl.destinations.files.destination:Files",
    "google": "reverse_etl.destinations.google.destination:Google",
    "hubspot": "reverse_etl.destinations.hubspot.destination:HubSpot",
    "intercom": "reverse_etl.destinations.intercom.destination:Intercom",
    "iterable": "reverse_etl.destinations.iterable.destination:Iterable",
    "klaviyo": "reverse_etl.destinations.klaviyo.destination:Klaviyo",
    "linkedin": "reverse_etl.destinations.linkedin.destination:LinkedIn",
    "mailchimp": "reverse_etl.destinations.mailchimp.destination:Mailchimp",
    "meta": "reverse_etl.destinations.meta.destination:Meta",
    "pipedrive": "reverse_etl.destinations.pipedrive.destination:Pipedrive",
    "salesforce": "reverse_etl.destinations.salesforce.destination:Salesforce",
    "sendgrid": "reverse_etl.destinations.sendgrid.destination:SendGrid",
    "sql": "reverse_etl.destinations.sql.destination:Sql",
    "tiktok": "reverse_etl.destinations.tiktok.destination:TikTok",
    "webhook": "reverse_etl.destinations.webhook.destination:Webhook",
}


def names() -> list[str]:
    """Return the names of all destinations, sorted."""
    return sorted({*BUILT_IN, *_brought()})


def every() -> list[type[Destination]]:
    """Return all destinations, by name.

    Raises:
        ConfigError: A package brings one that cannot be used.
    """
    return [get(name) for name in names()]


def get(name: str) -> type[Destination]:
    """Return the destination of that name.

    Raises:
        ConfigError: There is none, and the message lists those that there are; or a package brings one that cannot be
            used.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Destination] = getattr(import_module(module), attribute)
        return found
    if name in _brought():
        return _load(_brought()[name])
    close = get_close_matches(name, names(), n=1)
    raise ConfigError(
        f"There is no destination called {name!r}.",
        where="connections.yml, field destination",
        fix=f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(names())}.",
    )


def connect(
    name: str,
    settings: Any,
    *,
    reload: Callable[[], Any] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = uptime,
) -> Destination:
    """Return a destination ready to be used, within the rate budget that the machine has for its account.

    Args:
        name: The destination.
        settings: An instance of its ``settings_class``.
        reload: Returns the settings as they are now, for credentials that were replaced while a run is under way.
        sleep: Waits that many seconds, for tests.
        clock: Seconds that only go up, for tests.

    Raises:
        ConfigError: There is no such destination.
    """
    return get(name).connect(settings, reload=reload, sleep=sleep, clock=clock)


@cache
def _brought() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def _load(point: EntryPoint) -> type[Destination]:
    package = point.dist.name if point.dist else point.value
    try:
        found = point.load()
    except Exception as error:  # whatever an installed package's import runs into
        raise ConfigError(
            f"The destination {point.name!r} could not be loaded ({type(error).__name__}).",
            where=f"package {package}, entry point {point.value}",
            fix="install a version of it that goes with this weft, or remove it",
        ) from error
    if not (isinstance(found, type) and issubclass(found, Destination) and found.name == point.name):
        raise ConfigError(
            f"What the package brings as {point.name!r} is not a destination of that name.",
            where=f"package {package}, entry point {point.value}",
            fix="let it name a subclass of reverse_etl.destinations.base.Destination with the same `name`",
        )
    return found
