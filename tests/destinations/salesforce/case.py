"""What may be called of Salesforce, and how the conformance suite exercises it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.salesforce.signing_in import SalesforceSettings
from sandbox.server import Running

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "campaigns": set(),
    "codes": set(),
    "destination": set(),
    "fields": set(),
    "payloads": set(),
    "signing_in": {"/services/oauth2/token"},
    "writing": set(),
    "org": {
        "/services/data/{}",
        "{}/composite/sobjects",
        "{}/jobs/ingest",
        "{}/sobjects/{}/describe",
        "{}/query",
        "{}/{}/{}",
        "{}/{}",
        "{}/{}/batches",
        "{}/{}/successfulResults",
        "{}/{}/failedResults",
        "{}/{}/unprocessedrecords",
    },
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"hardDelete|\bdelete\b|RecycleBin|allOrNone.*true")


def settings(sandbox: Running, **changes: Any) -> SalesforceSettings:
    """Return the settings of the simulated org, by the refresh token of the demo app."""
    given: dict[str, Any] = {
        "base_url": f"{sandbox.url}/salesforce",
        "client_id": "weft-demo-app",
        "client_secret": SecretStr("weft-demo-secret"),
        "refresh_token": SecretStr("weft-demo-refresh"),
    }
    return SalesforceSettings(**given | changes)


def row(number: int) -> dict[str, Any]:
    """Return the feed's row of a person."""
    return {
        "weft_id__c": f"p{number}",
        "lastname": f"Person {number}",
        "firstname": f"Pat {number}",
        "email": f"p{number}@example.com",
        "weft_tier__c": "gold",
        "weft_lifetime_value__c": number + 0.5,
        "weft_note__c": "met in Zürich",
        "weft_words__c": "short",
    }


def held(stage: Stage) -> Mapping[str, Values]:
    """Return the contacts that hold something of weft's, by their key, in the feed's columns."""
    found = {}
    for record in stage.sandbox.accounts["salesforce"].members("Contact"):
        values = {name.lower(): str(value) for name, value in record.items() if value is not None}
        if any(name.startswith("weft_") and name != "weft_id__c" for name in values):
            found[values["weft_id__c"]] = values
    return found


CASES: tuple[Case, ...] = (
    Case(
        destination="salesforce",
        object="record",
        target="Contact",
        settings=lambda stage: settings(stage.sandbox),
        row=row,
        held=held,
        filler="weft_words__c",
        text="weft_note__c",
        clears="firstname",
        refused={"weft_tier__c": "platinum"},
        unknown="shoe_size__c",
        missing_target="Nothing__c",
    ),
)
