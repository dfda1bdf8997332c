"""Acme Mail: the subscribers of a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Response
from reverse_etl.destinations.base import (
    Delivery,
    Family,
    HttpSettings,
    Limits,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
)
from reverse_etl.destinations.codes import OTHER, Meaning, objects, result, short
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import written
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

LIMITS = Limits(rows=500, bytes=1_000_000, calls_per_second=10, burst=10)

#: What each code that Acme has for a subscriber means. Nothing else of its answers is kept.
CODES = {
    "added": Meaning(Outcome.APPLIED, "Acme added the subscriber"),
    "changed": Meaning(Outcome.APPLIED, "Acme changed the subscriber"),
    "removed": Meaning(Outcome.APPLIED, "Acme removed the subscriber"),
    "not_there": Meaning(Outcome.APPLIED, "the list had no such subscriber"),
    "invalid_value": Meaning(Outcome.PERMANENT, "Acme refused a value of the subscriber"),
    "busy": Meaning(Outcome.TRANSIENT, "Acme put the subscriber off"),
    OTHER: Meaning(Outcome.PERMANENT, "Acme refused the subscriber"),
}


class AcmeSettings(HttpSettings):
    """An account at Acme Mail."""

    base_url: str = "https://api.acme.example"
    api_key: SecretStr


class Acme(HttpDestination):
    """An account at Acme Mail."""

    name = "acme"
    label = "Acme Mail"
    family = Family.MESSAGING
    api_version = "2"
    api_version_ends = date(2028, 1, 31)
    documentation = (Page("Subscribers API", date(2026, 11, 22), "https://acme.example/docs/subscribers"),)
    settings_class = AcmeSettings
    codes = CODES
    objects: ClassVar = {
        "list": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT}),
            keys=frozenset({"email"}),
            columns=frozenset({"email"}),
            identifiers={"email": "email"},
            limits={Op.ADD: LIMITS, Op.CHANGE: LIMITS, Op.REMOVE: LIMITS},
            needs_target=True,
            removal="The subscriber leaves the list; other lists and the person's consent stay as they are.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            row_errors=RowErrors.IN_ORDER,
        )
    }

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {settings.api_key.get_secret_value()}", "Acme-Version": cls.api_version}

    def check(self, delivery: Delivery) -> None:
        """Make sure that the key works, that the list is there, and that it has the feed's fields."""
        fields = self._call("GET", delivery).body.get("fields") or ()
        unknown = sorted(delivery.fields - {"email", *fields})
        if unknown:
            raise DestinationRefused(
                f"Acme's list has no field {', '.join(unknown)}.",
                where=f"Acme Mail, list {delivery.target}",
                fix="add it to the list's fields at Acme, or take the column out of the feed",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a call."""
        return len(encode(written(delivery, row))) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Add, change or remove subscribers: Acme answers with a code for each, in their order."""
        if op is Op.REMOVE:
            answer = self._call("POST", delivery, "/removals", {"emails": [row.key for row in rows]})
        else:
            answer = self._call(
                "POST", delivery, "/subscribers", {"subscribers": [written(delivery, row) for row in rows]}
            )
        told = objects(answer.body.get("results"))
        return [result(CODES, row.key, str(one.get("code"))) for row, one in zip(rows, told, strict=False)]

    def _call(self, method: str, delivery: Delivery, path: str = "", body: Any = None) -> Response:
        """Make a call about the list; every one of them may be repeated without harm."""
        where = f"/lists/{delivery.target}{path}"
        answer = self.http.request(method, where, json=body, idempotent=True, pace=LIMITS)
        if answer.status == 404:
            raise DestinationRefused(
                "Acme has no such list.",
                where=f"Acme Mail, list {delivery.target}",
                fix="copy the id from the list's page at Acme into the sync's target",
            )
        if answer.status >= 400:
            raise BatchRefused(short(answer.body.get("error")), "Acme refused the call as a whole")
        return answer
