"""What may be called of SendGrid, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.sendgrid.destination import SendGridSettings

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "contacts": {
        "/v3/marketing/contacts",
        "/v3/marketing/contacts/imports/{}",
        "/v3/marketing/contacts/search/emails",
        "/v3/marketing/field_definitions",
        "/v3/marketing/lists/{}",
        "{}/contacts",
        "{}/contacts/count",
    },
    "destination": set(),
    "payloads": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"delete_all|delete_contacts|suppression/|/asm/|erasure|^ids$")

LIST = "11111111-1111-4111-8111-111111111111"


def settings(stage: Stage) -> SendGridSettings:
    env = stage.sandbox.environment()
    return SendGridSettings(base_url=env["SENDGRID_URL"], api_key=SecretStr(env["SENDGRID_API_KEY"]))


def shown(contact: Values) -> dict[str, str]:
    """A contact with its custom fields under the names that they have in the account."""
    custom = {"e1_T": "tier", "e2_N": "lifetime_value", "e3_D": "last_order_on"}
    own = {custom[field]: value for field, value in contact.get("custom_fields", {}).items()}
    return {
        column: str(value) for column, value in {**contact, **own}.items() if value != "" and column != "custom_fields"
    }


def contacts(stage: Stage) -> Mapping[str, Values]:
    return {one["email"]: shown(one) for one in stage.sandbox.accounts["sendgrid"].records}


def on_list(stage: Stage) -> Mapping[str, Values]:
    return {one["email"]: shown(one) for one in stage.sandbox.accounts["sendgrid"].members(LIST)}


def row(n: int) -> dict[str, Any]:
    return {
        "email": f"person{n}@example.com",
        "first_name": "Anna",
        "city": "Köln",
        "tier": f"tier {n}",
        "lifetime_value": n,
        "last_order_on": "2026-11-20",
    }


CASES = (
    Case(
        destination="sendgrid",
        object="contact",
        settings=settings,
        row=row,
        held=contacts,
        mode=Mode.UPSERT,
        filler="tier",
        text="tier",
        clears="tier",
        refused={"email": "not-an-address"},
        unknown="shoe_size",
    ),
    Case(
        destination="sendgrid",
        object="list",
        settings=settings,
        row=row,
        held=on_list,
        target=LIST,
        filler="tier",
        text="tier",
        clears="tier",
        refused={"email": "not-an-address"},
        unknown="shoe_size",
        missing_target="22222222-2222-4222-8222-222222222222",
    ),
)
