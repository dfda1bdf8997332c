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

#: The sandbox's own, in the order in which the page shows them.
BUILT_IN: Mapping[str, str] = {
    "klaviyo": "sandbox.klaviyo.api:Klaviyo",
    "hubspot": "sandbox.hubspot.api:HubSpot",
    "meta": "sandbox.meta.api:Meta",
    "salesforce": "sandbox.salesforce.api:Salesforce",
    "tiktok": "sandbox.tiktok.api:TikTok",
    "braze": "sandbox.braze.api:Braze",
    "iterable": "sandbox.iterable.api:Iterable",
    "customerio": "sandbox.customerio.api:CustomerIo",
    "mailchimp": "sandbox.mailchimp.api:Mailchimp",
    "sendgrid": "sandbox.sendgrid.api:SendGrid",
    "google": "sandbox.google.api:Google",
    "linkedin": "sandbox.linkedin.api:LinkedIn",
    "webhook": "sandbox.webhook.api:Webhook",
    "intercom": "sandbox.intercom.api:Intercom",
    "pipedrive": "sandbox.pipedrive.api:Pipedrive",
}


def load() -> dict[str, type[Api]]:
    """Return every simulated vendor by its name."""
    found: dict[str, type[Api]] = {}
    for name, place in BUILT_IN.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(import_module(module), attribute)
    brought = {point.name: point for point in entry_points(group=GROUP)}
    return found | {name: point.load() for name, point in sorted(brought.items()) if name not in found}
