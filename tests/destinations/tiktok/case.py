"""What may be called of TikTok, and its objects as the conformance suite plays them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.tiktok.destination import TikTokSettings
from sandbox.tiktok.api import TikTok

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "answers": set(),
    "destination": {"/dmp/custom_audience/get", "/event/track", "/segment/mapping"},
    "payloads": set(),
}

#: Words of calls that succeed and do harm: those that replace or delete an audience, and events of a test code.
HARMFUL = re.compile(r"segment/audience|custom_audience/(?:delete|update|file)|test_event_code")

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def settings(stage: Stage) -> TikTokSettings:
    """The simulated account's."""
    token = SecretStr(TikTok.key)
    return TikTokSettings(base_url=f"{stage.sandbox.url}/tiktok", access_token=token, advertiser_id=TikTok.advertiser)


def row(n: int) -> dict[str, Any]:
    """A person: an audience knows identifiers, and not which belong together."""
    return {"email": f"person{n}@example.com"}


def expected(row: Values) -> tuple[str, Values]:
    """An identifier of the audience."""
    hashed = sha256(row["email"].encode()).hexdigest()
    return hashed, {"EMAIL_SHA256": hashed}


def audience(stage: Stage) -> dict[str, Values]:
    """Whom the audience holds."""
    return {one["EMAIL_SHA256"]: one for one in stage.sandbox.accounts["tiktok"].members(TikTok.audience)}


def purchase(n: int) -> dict[str, Any]:
    """A purchase on a website."""
    return {
        "event_id": f"order-{n:07d}",
        "event_name": "Purchase",
        "occurred_at": HOUR_AGO.isoformat(),
        "email": f"person{n}@example.com",
        "url": "https://shop.example.com/thanks",
        "value": 10.5,
        "currency": "EUR",
        "description": f"number {n}",
    }


def reported(row: Values) -> tuple[str, Values]:
    """An event."""
    return row["event_id"], {
        "event": row["event_name"],
        "event_time": int(HOUR_AGO.timestamp()),
        "user": {"email": sha256(row["email"].encode()).hexdigest()},
        "page": {"url": row["url"]},
        "properties": {"value": 10.5, "currency": "EUR", "description": row["description"]},
    }


def events(stage: Stage) -> dict[str, Values]:
    """What was reported."""
    return {event.pop("event_id"): event for event in stage.sandbox.accounts["tiktok"].members(TikTok.stream)}


CASES = (
    Case(
        destination="tiktok",
        object="segment",
        settings=settings,
        row=row,
        held=audience,
        expected=expected,
        target=TikTok.audience,
        missing_target="999",
    ),
    Case(
        destination="tiktok",
        object="event",
        settings=settings,
        row=purchase,
        held=events,
        expected=reported,
        target=f"web:{TikTok.sources['web']}",
        mode=Mode.APPEND,
        filler="description",
        text="description",
        refused={"currency": "EURO"},
        missing_target="web:OTHER",
    ),
)
