"""What may be called of Mailchimp, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.mailchimp.destination import MailchimpSettings

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "audience": {
        "/3.0/lists/{}",
        "{}/merge-fields",
        "{}/tag-search",
        "{}/segments/{}",
        "{}/members",
    },
    "destination": set(),
    "payloads": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code. "status" would subscribe or
#: unsubscribe who is there; only what a new member becomes may be told.
HARMFUL = re.compile(r"^status$|delete-permanent|sync_tags|^DELETE$|/actions|/batches|/members/")

AUDIENCE = "1a2b3c4d5e"
TAG = f"{AUDIENCE}/win-back"


def settings(stage: Stage) -> MailchimpSettings:
    return MailchimpSettings(
        base_url=f"{stage.sandbox.url}/mailchimp", api_key=SecretStr("0123456789abcdef0123456789abcdef-us6")
    )


def members(stage: Stage) -> Mapping[str, Values]:
    return {
        one["email_address"]: {
            "email_address": one["email_address"],
            **{tag.lower(): str(value) for tag, value in one["merge_fields"].items() if value != ""},
        }
        for one in stage.sandbox.accounts["mailchimp"].members(AUDIENCE)
    }


def tagged(stage: Stage) -> Mapping[str, Values]:
    return {
        one["email_address"]: {"email_address": one["email_address"]}
        for one in stage.sandbox.accounts["mailchimp"].members("4711")
    }


def tag_row(n: int) -> dict[str, Any]:
    return {"email_address": f"tagged{n}@example.com"}


def tag_settings(stage: Stage) -> MailchimpSettings:
    """The account, whose audience has the people whom the suite tags: a tag makes no members."""
    store = stage.sandbox.sandbox.store
    if not store.find_members("mailchimp", AUDIENCE, [_hash(0)]):
        people = [(_hash(n), {**tag_row(n), "status": "subscribed", "merge_fields": {}}) for n in range(12_000)]
        store.add_members("mailchimp", AUDIENCE, people)
    return settings(stage)


def _hash(n: int) -> str:
    return md5(tag_row(n)["email_address"].encode(), usedforsecurity=False).hexdigest()


CASES = (
    Case(
        destination="mailchimp",
        object="member",
        settings=settings,
        row=lambda n: {"email_address": f"person{n}@example.com", "fname": "Anna", "tier": "gold", "ltv": n},
        held=members,
        target=AUDIENCE,
        mode=Mode.UPSERT,
        text="fname",
        clears="tier",
        refused={"email_address": "not-an-address"},
        unknown="shoe_size",
        missing_target="ffffffffff",
    ),
    Case(
        destination="mailchimp",
        object="tag",
        settings=tag_settings,
        row=tag_row,
        held=tagged,
        target=TAG,
        missing_target=f"{AUDIENCE}/no such tag",
    ),
)
