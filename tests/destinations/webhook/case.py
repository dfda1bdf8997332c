"""What may be called of an endpoint, and how the conformance suite exercises it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.webhook.destination import WebhookSettings

#: The only address is the one in the settings.
ADDRESSES: dict[str, set[str]] = {"destination": set(), "payloads": set(), "signing": set(), "template": set()}

#: An endpoint has no call that weft could name.
HARMFUL = re.compile(r"delete_all|drop")


def settings(path: str) -> Callable[[Stage], WebhookSettings]:
    def of(stage: Stage) -> WebhookSettings:
        secret = SecretStr(stage.sandbox.environment()["WEBHOOK_SECRET"])
        url = f"{stage.sandbox.url}/webhook"
        return WebhookSettings(base_url=url, path=path, secret=secret, check_path="/status")

    return of


def held(name: str) -> Callable[[Stage], Mapping[str, Values]]:
    def of(stage: Stage) -> Mapping[str, Values]:
        rows = stage.sandbox.accounts["webhook"].members(name)
        return {str(next(iter(_key(row)))): {column: str(value) for column, value in row.items()} for row in rows}

    return of


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(row.get("event_id") or row["customer_id"]),)


def person(n: int) -> dict[str, Any]:
    return {
        "customer_id": f"c{n:06}",
        "email": f"person{n}@example.com",
        "name": f"Person {n}",
        "tier": ("gold", "tin")[n % 2],
        "orders": n,
    }


def happening(n: int) -> dict[str, Any]:
    return {
        "event_id": f"e{n:06}",
        "event_name": "order placed",
        "occurred_at": f"2026-11-{1 + n % 20:02}T08:00:00Z",
        "email": f"person{n}@example.com",
        "note": f"Order {n}",
    }


_KEPT: dict[str, Any] = {
    "destination": "webhook",
    "settings": settings("/people"),
    "row": person,
    "held": held("people"),
    "filler": "name",
    "text": "name",
    "clears": "tier",
    "refused": {"email": "nonsense"},
}
CASES: tuple[Case, ...] = (
    Case(object="row", **_KEPT),
    Case(object="batch", **_KEPT),
    Case(
        "webhook",
        "event",
        settings("/events"),
        happening,
        held("events"),
        mode=Mode.APPEND,
        filler="note",
        text="note",
        refused={"email": "nonsense"},
    ),
)
