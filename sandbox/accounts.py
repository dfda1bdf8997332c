"""Which vendors are simulated: the sandbox's own, and those that installed packages bring.

A package brings one by an entry point of the group ``weft.simulators``, a subclass of :class:`sandbox.api.Api`, and
names it as it names its destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points

from sandbox.api import Api

GROUP = "weft.simulators"

#: The sandbox's own, by name; the page shows them in this order.
BUILT_IN: Mapping[str, str] = {
    "braze": "sandbox.braze.api:Braze",
    "customerio": "sandbox.customerio.api:CustomerIo",
    "google": "sandbox.google.api:Google",
    "hubspot": "sandbox.hubspot.api:HubSpot",
    "intercom": "sandbox.intercom.api:Intercom",
    "iterable": "sandbox.iterable.api:Iterable",
    "klaviyo": "sandbox.klaviyo.api:Klaviyo",
    "linkedin": "sandbox.linkedin.api:LinkedIn",
    "mailchimp": "sandbox.mailchimp.api:Mailchimp",
    "meta": "sandbox.meta.api:Meta",
    "pipedrive": "sandbox.pipedrive.api:Pipedrive",
    "salesforce": "sandbox.salesforce.api:Salesforce",
    "sendgrid": "sandbox.sendgrid.api:SendGrid",
    "tiktok": "sandbox.tiktok.api:TikTok",
    "webhook": "sandbox.webhook.api:Webhook",
}


def load() -> dict[str, type[Api]]:
    """Return every simulated vendor by its name."""
    found: dict[str, type[Api]] = {}
    for name, place in BUILT_IN.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(import_module(module), attribute)
    brought = {point.name: point for point in entry_points(group=GROUP)}
    return found | {name: point.load() for name, point in sorted(brought.items()) if name not in found}
