"""A small destination over the real HTTP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from reverse_etl.destinations.base import Delivery, Family, HttpSettings, Limits, Mode, ObjectSpec, Page
from reverse_etl.destinations.codes import OTHER, Codes, Meaning
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult

BATCH = 4
_LIMITS = Limits(rows=BATCH, bytes=100_000, calls_per_second=100, burst=10)


def _spec(**changes: Any) -> ObjectSpec:
    settings: dict[str, Any] = {
        "modes": frozenset(Mode),
        "keys": frozenset({"email"}),
        "columns": frozenset({"email", "phone", "first_name"}),
        "identifiers": {"email": "email"},
        "limits": dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _LIMITS),
    }
    return ObjectSpec(**settings | changes)


class VendorDestination(HttpDestination):
    """Posts batches and reads one result per row."""

    name = "vendor"
    label = "Vendor"
    api_version = "1"
    api_version_ends: ClassVar[date | None] = None
    family = Family.ANYTHING
    documentation: ClassVar[Sequence[Page]] = (Page("server.py", date(2026, 11, 22)),)
    settings_class = HttpSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": _spec(),
        "event": _spec(idempotent=False),
        "several at a time": _spec(concurrency=4),
    }
    codes: ClassVar[Codes] = {
        "": Meaning(Outcome.APPLIED, ""),
        "invalid": Meaning(Outcome.PERMANENT, "as it says"),
        "busy": Meaning(Outcome.TRANSIENT, "as it says"),
        OTHER: Meaning(Outcome.PERMANENT, "as it says"),
    }

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return a token."""
        return {"Authorization": "Bearer token"}

    def check(self, delivery: Delivery) -> None:
        """Read the account."""
        self.http.request("GET", "/account", idempotent=True, bucket="rows", pace=_LIMITS)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return about what JSON takes."""
        return len(str(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Post a batch."""
        body = {"op": str(op), "rows": [{"key": row.key, "values": dict(row.payload)} for row in rows]}
        answer = self.http.request(
            "POST",
            "/rows",
            json=body,
            idempotent=self.objects[delivery.object].idempotent,
            bucket="rows",
            pace=_LIMITS,
        )
        if answer.status >= 300:
            raise BatchRefused(str(answer.status), "the vendor refused the batch")
        return [
            RowResult(
                result["key"], self.codes[result["code"]].outcome, result["code"], self.codes[result["code"]].reason
            )
            for result in answer.body["results"]
        ]
