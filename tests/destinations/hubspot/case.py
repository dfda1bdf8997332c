"""What may be called of HubSpot."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from sandbox.hubspot.api import HubSpot
from sandbox.hubspot.lists import STATIC
from sandbox.store import Record

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


CONTACTS = 12_000  #: contacts that the account has from the start, where a list takes them


def with_contacts(stage: Stage) -> HubSpotSettings:
    """The same, with the contacts that rows name."""
    store = stage.sandbox.sandbox.store
    if not store.records("hubspot", limit=1):
        emails = [f"person{n}@example.com" for n in range(CONTACTS)]
        store.put_records("hubspot", [Record(f"9{n:08d}", {"email": email}, email) for n, email in enumerate(emails)])
    return settings(stage)


def company(n: int) -> dict[str, Any]:
    """A company, by an id of one's own."""
    return {
        "weft_company_id": f"C-{n}",
        "domain": f"company{n}.example.com",
        "name": f"Company {n}",
        "weft_tier": f"tier {n}",
        "weft_lifetime_value": f"{n}.5",
    }


def company_by_domain(n: int) -> dict[str, Any]:
    """A company, by its domain."""
    return {name: value for name, value in company(n).items() if name != "weft_company_id"}


def filled(stage: Stage) -> list[dict[str, Any]]:
    """The companies that carry any property of weft's but the id."""
    found = stage.sandbox.accounts["hubspot"].members("companies")
    return [one for one in found if "weft_tier" in one or "weft_lifetime_value" in one]


def companies(stage: Stage) -> dict[str, Values]:
    """These, by an id of one's own."""
    found = filled(stage)
    return {one["weft_company_id"]: {name: one[name] for name in company(0) if one.get(name)} for one in found}


def companies_by_domain(stage: Stage) -> dict[str, Values]:
    """These, by their domains, of which the account takes any number of companies."""
    found = filled(stage)
    assert len({one["domain"] for one in found}) == len(found), "a domain has two companies"
    return {one["domain"]: {name: one[name] for name in company_by_domain(0) if one.get(name)} for one in found}


def listed(stage: Stage) -> dict[str, Values]:
    """The members of the list."""
    return {one["email"]: {"email": one["email"]} for one in stage.sandbox.accounts["hubspot"].members(STATIC)}


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
    Case(
        destination="hubspot",
        object="company",
        settings=settings,
        row=company,
        held=companies,
        filler="name",
        text="name",
        clears="weft_tier",
        refused={"domain": "not a domain"},
        unknown="shoe_size",
    ),
    Case(
        destination="hubspot",
        object="company",
        settings=settings,
        row=company_by_domain,
        held=companies_by_domain,
        text="name",
        clears="weft_tier",
        refused={"domain": "not a domain"},
        unknown="shoe_size",
    ),
    Case(
        destination="hubspot",
        object="list",
        settings=with_contacts,
        row=lambda n: {"email": f"person{n}@example.com"},
        held=listed,
        target=STATIC,
        missing_target="999",
    ),
)
