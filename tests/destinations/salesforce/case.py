"""What may be called of Salesforce, and how the conformance suite exercises it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.salesforce.destination import Salesforce
from reverse_etl.destinations.salesforce.signing_in import SalesforceSettings
from reverse_etl.rows import Op, Row
from sandbox.salesforce.api import CAMPAIGN
from sandbox.server import Running
from sandbox.store import Record

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


PEOPLE = 10_100  #: contacts to put into a campaign, as many as the suite has people


@cache
def contacts() -> tuple[Record, ...]:
    """Return contacts that a campaign's sync finds in the org."""
    made = ((number, f"p{number}@example.com") for number in range(PEOPLE))
    return tuple(
        Record(f"003{900_000_000_000 + number}AAA", {"LastName": "P", "Email": email}, f"Contact:{email}", "Contact")
        for number, email in made
    )


def settings_with_contacts(stage: Stage) -> SalesforceSettings:
    """Return the settings of an org that has the contacts."""
    given = settings(stage.sandbox)
    running = getattr(stage.sandbox, "sandbox", None)
    if running is None:
        create_contacts(given)
    elif not running.store.find_record("salesforce", record_id=contacts()[-1].id):
        running.store.put_records("salesforce", contacts())
    return given


def create_contacts(given: SalesforceSettings) -> None:
    """Create as many contacts as a benchmark takes, in an org that is served elsewhere."""
    org = Salesforce.connect(given)
    delivery = Delivery("record", "Contact", key="email")
    limits = org.objects["campaign_member"].limits[Op.ADD]
    for start in range(0, int(limits.rows * (limits.calls_per_second * 15 + limits.burst)), 10_000):
        emails = [f"p{number}@example.com" for number in range(start, start + 10_000)]
        rows = [Row(email, Op.ADD, {"email": email, "lastname": "P"}) for email in emails]
        [job] = {one.job_id for one in org.send(delivery, Op.ADD, rows)}
        while job and org.settle(delivery, job, rows) is None:
            time.sleep(0.2)


def put(number: int) -> dict[str, Any]:
    """Return the feed's row of a person to put into the campaign."""
    return {"email": f"p{number}@example.com", "status": "Sent" if number < 2_500 else "Responded"}


def in_campaign(stage: Stage) -> Mapping[str, Values]:
    """Return who is in the campaign, by e-mail address."""
    found = {}
    for member in stage.sandbox.accounts["salesforce"].members(CAMPAIGN):
        email = f"p{int(member['ContactId'][3:15]) - 900_000_000_000}@example.com"
        found[email] = {"email": email, "status": member["Status"]}
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
    Case(
        destination="salesforce",
        object="campaign_member",
        target=CAMPAIGN,
        settings=settings_with_contacts,
        row=put,
        held=in_campaign,
        refused={"status": "Slept"},
        unknown="shoe_size__c",
        missing_target="701000000000009AAA",
    ),
)
