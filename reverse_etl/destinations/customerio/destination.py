"""Customer.io: people, events and manual segments, over the Track API.

Written from the vendor's OpenAPI file of the Track API (operations ``batch``, ``getRegion``, ``add_to_segment`` and
``remove_from_segment``) and the pages "Invalid API requests" and "Events: deduplicating", read on 2026-11-22.

The Track API takes data and gives none back: who is there, and who is in a segment, cannot be read with its key. So no
mode is offered that would have to know it.

Deleting and suppressing people is not part of this module, nor is merging them, and consent is no attribute that a
sync may write. A removal of a person empties the attributes that begin with ``weft_`` and leaves everything else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import SecretStr, model_validator

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
    Settings,
)
from reverse_etl.destinations.codes import Codes, objects, result
from reverse_etl.destinations.consent import refuse_consent
from reverse_etl.destinations.customerio.payloads import (
    CODES,
    CONSENT,
    EVENT_COLUMNS,
    OURS,
    UPDATE,
    event,
    identify,
    longest,
    map_batch,
    ours,
    reason,
    refuse_envelope,
    too_large,
)
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import written
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

REGIONS: Mapping[str, str] = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}

#: "Smaller than 500kb", less what surrounds the operations. Of rows no number is documented. The pace is the fair use
#: that the vendor's clients keep to.
_BATCH = Limits(rows=5_000, bytes=490_000, calls_per_second=100, burst=10)
_EMPTYING = Limits(rows=1_000, bytes=490_000, calls_per_second=100, burst=10)  # a row may name its person alone
_SEGMENT = Limits(rows=1_000, bytes=490_000, calls_per_second=100, burst=10)
_CONCURRENCY = 4  # no limit on calls at a time is told


class CustomerIoSettings(HttpSettings):
    """A Customer.io workspace. The address follows from the region unless it is given."""

    base_url: str = REGIONS["us"]
    region: Literal["us", "eu"] = "us"
    site_id: str
    api_key: SecretStr

    @model_validator(mode="before")
    @classmethod
    def _address_of_the_region(cls, values: Any) -> Any:
        if isinstance(values, dict) and "base_url" not in values and values.get("region") in REGIONS:
            return {**values, "base_url": REGIONS[values["region"]]}
        return values


class CustomerIo(HttpDestination):
    """One Customer.io workspace."""

    name: ClassVar[str] = "customerio"
    label: ClassVar[str] = "Customer.io"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = "Track API v2; v1 for segments"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page("Journeys Track API", date(2026, 11, 22), "https://docs.customer.io/integrations/api/track/"),
        Page("Invalid API requests", date(2026, 11, 22), "https://docs.customer.io/journeys/invalid-api-requests"),
        Page("Events: deduplicating", date(2026, 11, 22), "https://docs.customer.io/journeys/events/"),
    )
    settings_class: ClassVar[type[Settings]] = CustomerIoSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        # No update: of a person who is not there nothing is told, so the row would count as written.
        "person": ObjectSpec(
            row_errors=RowErrors.BY_PLACE,
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({"id", "email", "cio_id"}),
            columns=frozenset({"id", "email", "cio_id", "phone", "created_at"}),
            identifiers={"id": "user_id", "email": "email", "phone": "phone"},
            limits={Op.ADD: _BATCH, Op.CHANGE: _BATCH, Op.REMOVE: _EMPTYING},
            removal_empties=OURS,
            removal=f"The attributes of the feed that begin with {OURS} are removed; all else of the person stays.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            sends_changes=True,
            concurrency=_CONCURRENCY,
            refused_columns=CONSENT | {UPDATE},
        ),
        "event": ObjectSpec(
            row_errors=RowErrors.BY_PLACE,
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=EVENT_COLUMNS,
            required=frozenset({"event_id", "event_name", "occurred_at"}),
            identifiers={"id": "user_id", "email": "email"},
            limits={Op.ADD: _BATCH},
            removal="None: an event cannot be taken back.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # one and the same: what is empty is left out
            concurrency=_CONCURRENCY,
        ),
        "segment": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({"id"}),  # a removal takes no other
            columns=frozenset({"id"}),
            identifiers={"id": "user_id"},
            limits={Op.ADD: _SEGMENT, Op.CHANGE: _SEGMENT, Op.REMOVE: _SEGMENT},
            needs_target=True,
            custom_columns=False,
            removal="The person leaves the manual segment; the person stays.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # there is no other column than the key
            concurrency=_CONCURRENCY,
        ),
    }

    @classmethod
    def headers(cls, settings: CustomerIoSettings) -> dict[str, str]:
        """Return the headers of every call: the workspace's id and key."""
        pair = f"{settings.site_id}:{settings.api_key.get_secret_value()}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}", "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Ask for the workspace's region, to prove that the key works and that data goes where it is kept."""
        if delivery.object == "segment":
            _segment(delivery)
        self._refuse_columns(delivery, delivery.fields)
        answer = self._call("GET", "/api/v1/accounts/region")
        _refuse_unless_done(answer)
        region = answer.body.get("region") or answer.body.get("data_center")
        if region in REGIONS and region != self.settings.region:
            raise DestinationRefused(
                f"The workspace is kept in the region {region}, and its data would pass through another one.",
                where="connections.yml, field region",
                fix=f"Write region: {region}.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        if delivery.object == "segment":
            return len(encode(row.key)) + 1
        return longest(row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Send a batch of operations, or change who is in a segment."""
        if delivery.object == "segment":
            return self._change_segment(_segment(delivery), op, rows)
        columns = ours(rows)
        self._refuse_columns(delivery, {column for row in rows for column in row.payload})
        results: list[RowResult] = []
        sent: list[Row] = []
        operations: list[dict[str, Any]] = []
        for row in rows:
            operation = self._operation(delivery, row, columns)
            if isinstance(operation, str):
                results.append(result(CODES, row.key, operation))
            elif too_large(operation):
                results.append(result(CODES, row.key, "too_large"))
            else:
                sent.append(row)
                operations.append(operation)
        if not sent:
            return results
        answer = self._call("POST", "/api/v2/batch", {"batch": operations})
        _refuse_unless_done(answer)
        return [*results, *map_batch(sent, answer.body)]

    def _refuse_columns(self, delivery: Delivery, columns: Iterable[str]) -> None:
        """Raise where a column decides who gets messages; one field of an attribute is written with a point."""
        if delivery.object == "event":
            refuse_envelope(columns)
        else:
            spec = self.objects[delivery.object]
            refuse_consent(self.label, spec, {column.split(".", 1)[0] for column in columns})

    @staticmethod
    def _operation(delivery: Delivery, row: Row, columns: Sequence[str]) -> dict[str, Any] | str:
        """Return what is sent of a row, or the code of why nothing is.

        Args:
            delivery: Says what an empty value does.
            row: The row.
            columns: What a removal empties.
        """
        if delivery.object == "event":
            return event(row)
        if row.op is Op.REMOVE:
            if not columns:
                return "no_columns"
            return identify(delivery.key, {delivery.key: row.key, **dict.fromkeys(columns)}, create=False)
        values = written(delivery, row, whole=False)
        if row.op is Op.CHANGE and len(values) == 1:
            return "nothing_to_write"
        return identify(delivery.key, values | {delivery.key: row.key})

    def _change_segment(self, segment: str, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        path = (
            f"/api/v1/segments/{segment}/remove_customers"
            if op is Op.REMOVE
            else f"/api/v1/segments/{segment}/add_customers"
        )
        answer = self._call("POST", path, {"ids": [row.key for row in rows]})
        if answer.status == 404:
            raise DestinationRefused(
                f"Customer.io has no manual segment with the id {segment}.",
                where="the exposure's sync block, field target",
                fix="Use the number under Usage on the segment's page; a data-driven segment takes nobody.",
            )
        _refuse_unless_done(answer)
        return same_result(rows, Outcome.APPLIED)

    def _call(self, method: str, path: str, body: Any = None) -> Response:
        # Every call may be repeated: attributes are set to the same values, events carry an id that Customer.io knows
        # again, and a segment holds a person once.
        return self.http.request(method, path, json=body, idempotent=True, bucket="track", pace=_BATCH)


def _segment(delivery: Delivery) -> str:
    """Return the id of a segment.

    Raises:
        DestinationRefused: The target is not one.
    """
    target = delivery.target or ""
    if not (target.isascii() and target.isdigit()):
        raise DestinationRefused(
            "A segment of Customer.io is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix="Copy the number under Usage on the segment's page, and quote it in the yml.",
        )
    return target


def _refuse_unless_done(answer: Response) -> None:
    if answer.status >= 300:
        errors = objects(answer.body.get("errors"))
        code = reason(errors[0]) if errors else "other"
        raise BatchRefused(str(answer.status) if code == "other" else code, "Customer.io refused the call")
