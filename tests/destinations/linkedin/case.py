"""What may be called of LinkedIn, and how its object is exercised."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.linkedin.destination import LinkedInSettings
from sandbox.linkedin.api import LinkedIn

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {"destination": {"/rest/dmpSegments/{}", "{}/users"}, "payloads": set()}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"DELETE|PARTIAL_UPDATE|/listUploads|adSegments")


def settings(stage: Stage) -> LinkedInSettings:
    """The simulated account's."""
    return LinkedInSettings(base_url=f"{stage.sandbox.url}/linkedin", access_token=SecretStr(LinkedIn.key))


def row(n: int) -> dict[str, Any]:
    """A person."""
    return {
        "email": f"person{n}@example.com",
        "first_name": f"Anna {n}",
        "last_name": "Müller",
        "company": f"Company {n} GmbH",
        "country": "DE",
    }


def user(row: Values) -> tuple[str, Values]:
    """A user of the segment."""
    found = {
        "SHA256_EMAIL": sha256(row["email"].encode()).hexdigest(),
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "company": row["company"],
        "country": row["country"],
    }
    return found["SHA256_EMAIL"], found


def users(stage: Stage) -> dict[str, Values]:
    """Whom the segment holds."""
    return {one["SHA256_EMAIL"]: one for one in stage.sandbox.accounts["linkedin"].members(LinkedIn.segment)}


CASES = (
    Case(
        destination="linkedin",
        object="segment",
        settings=settings,
        row=row,
        held=users,
        expected=user,
        target=LinkedIn.segment,
        refuses=lambda row: f'"{row["company"]}"',
        missing_target="999",
    ),
)
