"""What may be called of Google, and how its objects are exercised."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.google.settings import Consent, GoogleSettings
from sandbox.google.api import Google

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "codes": set(),
    "destination": {
        "/v1/audienceMembers:ingest",
        "/v1/audienceMembers:remove",
        "/v1/events:ingest",
        "/v1/requestStatus:retrieve",
    },
    "payloads": set(),
    "settings": set(),
    "statuses": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"removeAll|removeAsOfTime|users:|userLists/|DELETE")


def settings(stage: Stage) -> GoogleSettings:
    """The simulated account's."""
    told = stage.sandbox.environment()
    return GoogleSettings(
        base_url=told["GOOGLE_URL"],
        service_account=SecretStr(told["GOOGLE_SERVICE_ACCOUNT"]),
        account_id=told["GOOGLE_ACCOUNT_ID"],
        consents=frozenset(Consent),
        customer_match_terms="accepted",
    )


def digest(text: str) -> str:
    """The hash that Google asks for."""
    return sha256(text.encode()).hexdigest()


def row(n: int) -> dict[str, Any]:
    """A person."""
    return {
        "email": f"person{n}@example.com",
        "phone": f"+4915{n:09d}",
        "first_name": "Zoë",
        "last_name": f"Berg {n}",
        "postal_code": f"{n:05d}",
        "country": "DE",
    }


def member(row: Values) -> tuple[str, Values]:
    """A member of the audience."""
    address = (digest(row["last_name"].lower()), digest(row["first_name"].lower()), row["postal_code"], row["country"])
    found = {"emailAddress": digest(row["email"]), "phoneNumber": digest(row["phone"]), "address": "/".join(address)}
    return found["emailAddress"], found


#: One moment for all rows: a row that is made twice has to be the same, also when a day begins meanwhile.
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def event_row(n: int) -> dict[str, Any]:
    """A conversion."""
    return {
        "event_id": f"order-{n}",
        "occurred_at": MIDNIGHT,
        "email": f"person{n}@example.com",
        "value": n + 0.5,
        "currency": "EUR",
        "tier": f"tier {n}",
    }


def event(row: Values) -> tuple[str, Values]:
    """A conversion as Google has it."""
    found = {
        "transactionId": row["event_id"],
        "eventTimestamp": row["occurred_at"].isoformat() + "Z",
        "emailAddress": digest(row["email"]),
        "conversionValue": str(row["value"]),
        "currency": row["currency"],
        "tier": row["tier"],
    }
    return row["event_id"], {name: value for name, value in found.items() if value is not None}


def held(target: str, name: str) -> Callable[[Stage], dict[str, Values]]:
    """What a target holds, by one of its fields."""
    return lambda stage: {one[name]: one for one in stage.sandbox.accounts["google"].members(target)}


CASES = (
    Case(
        destination="google",
        object="audience",
        settings=settings,
        row=row,
        held=held(Google.audience, "emailAddress"),
        expected=member,
        target=Google.audience,
        refuses=lambda row: digest(row["last_name"].lower()),
        missing_target="999",
    ),
    Case(
        destination="google",
        object="conversion",
        settings=settings,
        row=event_row,
        held=held(Google.conversion, "transactionId"),
        expected=event,
        target=Google.conversion,
        mode=Mode.APPEND,
        text="tier",
        refused={"currency": "nonsense"},
        missing_target="999",
    ),
)
