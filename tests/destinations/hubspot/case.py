"""What may be called of HubSpot."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from sandbox.hubspot.api import HubSpot

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": {"/oauth/{}/token"},
    "payloads": set(),
    "writing": set(),
    "companies": set(),
    "contacts": {"{}/merge"},
    "records": {
        "/crm/objects/{}/{}",
        "/crm/properties/{}/{}",
        "{}/batch/upsert",
        "{}/batch/create",
        "{}/batch/read",
        "{}/batch/update",
        "{}/search",
    },
    "lists": {"/crm/lists/{}", "{}/{}", "{}/memberships", "{}/memberships/{}"},
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"gdpr|archive|subscription")


def settings(stage: Stage) -> HubSpotSettings:
    """The simulated account's."""
    return HubSpotSettings(base_url=f"{stage.sandbox.url}/hubspot", access_token=SecretStr(HubSpot.key))


def row(n: int) -> dict[str, Any]:
    """A contact."""
    return {
        "email": f"person{n}@example.com",
        "firstname": f"Ann {n}",
        "weft_tier": f"tier {n}",
        "weft_lifetime_value": f"{n}.5",
    }


def contacts(stage: Stage) -> dict[str, Values]:
    """The contacts that carry any property of weft's."""
    found = stage.sandbox.accounts["hubspot"].members("contacts")
    return {one["email"]: {name: one[name] for name in row(0) if one.get(name)} for one in found}


CASES = (
    Case(
        destination="hubspot",
        object="contact",
        settings=settings,
        row=row,
        held=contacts,
        filler="firstname",
        text="firstname",
        clears="weft_tier",
        refused={"email": "not-an-address"},
    ),
)
