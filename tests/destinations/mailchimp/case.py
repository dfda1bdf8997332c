"""What may be called of Mailchimp, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import requests
from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.mailchimp.destination import MailchimpSettings
from sandbox.mailchimp.members import hash_of
from sandbox.server import Running

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
    env = stage.sandbox.environment()
    return MailchimpSettings(base_url=env["MAILCHIMP_URL"], api_key=SecretStr(env["MAILCHIMP_API_KEY"]))


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
    found = settings(stage)
    if isinstance(stage.sandbox, Running):
        people = [(hash_of(row["email_address"]), row) for row in map(_person, range(12_000))]
        stage.sandbox.sandbox.store.add_members("mailchimp", AUDIENCE, people)
        return found
    # A benchmark serves the sandbox from another process, and tags as many as the limits let through meanwhile.
    for start in range(0, 160_000, 500):
        requests.post(
            f"{found.base_url}/3.0/lists/{AUDIENCE}",
            json={"members": [_person(n) for n in range(start, start + 500)], "update_existing": True},
            params={"skip_merge_validation": "true"},
            auth=("", found.api_key.get_secret_value()),
            timeout=30,
        ).raise_for_status()
    return found


def _person(n: int) -> dict[str, Any]:
    return {**tag_row(n), "status": "subscribed", "merge_fields": {}}


CASES = (
    Case(
        destination="mailchimp",
        object="member",
        settings=settings,
        row=lambda n: {"email_address": f"person{n}@example.com", "fname": "Anna", "tier": f"t{n}", "ltv": n},
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
