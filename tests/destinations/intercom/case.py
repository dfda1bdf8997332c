"""What may be called of Intercom, and what the conformance suite needs of it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.intercom.destination import IntercomSettings
from sandbox.intercom.api import Intercom
from sandbox.store import Record

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "workspace": {"/data_attributes", "/me", "/contacts/search", "/contacts", "/contacts/{}"},
    "contacts": set(),
    "tags": {"/contacts/search", "/tags", "{}/tags", "{}/{}"},
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"/(un)?archive|/block|/merge|/subscriptions|email_verified")

TAG = "7001"
USERS = 1_000  #: that the account has from the start, where they are to be tagged


def settings(stage: Stage) -> IntercomSettings:
    """The simulated workspace's."""
    return IntercomSettings(base_url=f"{stage.sandbox.url}/intercom", access_token=SecretStr(Intercom.key))


def with_users(stage: Stage) -> IntercomSettings:
    """The same, with the users that rows name."""
    store = stage.sandbox.sandbox.store
    if not store.records("intercom", limit=1):
        emails = [f"person{n}@example.com" for n in range(USERS)]
        store.put_records(
            "intercom",
            [
                Record(f"{n:024x}", {"role": "user", "email": email, "custom_attributes": {}}, email)
                for n, email in enumerate(emails)
            ],
        )
    return settings(stage)


def row(n: int) -> dict[str, Any]:
    """A contact."""
    return {
        "email": f"person{n}@example.com",
        "name": f"Ann {n}",
        "weft_tier": f"tier {n}",
        "weft_lifetime_value": n + 0.5,
    }


def contacts(stage: Stage) -> dict[str, Values]:
    """The contacts that carry any attribute of weft's."""
    found = [one | one["custom_attributes"] for one in stage.sandbox.accounts["intercom"].members("contacts")]
    return {one["email"]: {name: str(one[name]) for name in row(0) if one.get(name) is not None} for one in found}


def tagged(stage: Stage) -> dict[str, Values]:
    """The users with the tag."""
    return {one["email"]: {"email": one["email"]} for one in stage.sandbox.accounts["intercom"].members(TAG)}


CASES = (
    Case(
        destination="intercom",
        object="contact",
        settings=settings,
        row=row,
        held=contacts,
        text="name",
        clears="weft_tier",
        refused={"email": "not-an-address"},
        unknown="weft_shoe_size",
    ),
    Case(
        destination="intercom",
        object="tag",
        settings=with_users,
        row=lambda n: {"email": f"person{n}@example.com"},
        held=tagged,
        target=TAG,
        mode=Mode.MIRROR,
        missing_target="No such tag",
    ),
)
