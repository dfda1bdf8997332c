"""Klaviyo's events, handed over a thousand at a time.

Written from Klaviyo's published OpenAPI file events.json, revision 2026-07-15 ("Bulk Create Events"), read on
2026-11-22. The call answers 202 without a body: it names no job, and no call tells what became of one. So an event is
applied once Klaviyo has taken the call, which it checks as a whole; what fails later is told nowhere.

``unique_id`` is the event's id. The reference of the single call says that of events with the same one, profile and
metric, only the first is recorded; that of the bulk call, that a call which repeats one fails whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Delivery, Limits, Mode, NullPolicy, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import result
from reverse_etl.destinations.klaviyo.payloads import CODES, IDENTIFIERS, PERSON_IDENTIFIERS
from reverse_etl.destinations.klaviyo.profiles import code_of
from reverse_etl.destinations.moments import moment
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Row, RowResult

KEY, NAME, TIME, VALUE, CURRENCY = "event_id", "event_name", "occurred_at", "value", "currency"
COLUMNS = frozenset({KEY, NAME, TIME, VALUE, CURRENCY, *IDENTIFIERS})
MOST_PROPERTIES = 400
MOST_STRING = 100_000  #: of one text, "100KB"
MOST_NAME = 127  #: of a metric's name, "less than 128 characters"

BULK = Limits(rows=1_000, bytes=4_990_000, calls_per_second=150 / 60, burst=10)
READS = Limits(rows=1, bytes=5_000_000, calls_per_second=3_500 / 60, burst=350)

EVENT = ObjectSpec(
    modes=frozenset({Mode.APPEND}),
    keys=frozenset({KEY}),
    columns=COLUMNS,
    required=frozenset({KEY, NAME, TIME}),
    identifiers=PERSON_IDENTIFIERS,
    limits={Op.ADD: BULK},
    removal="None: an event that happened stays.",
    nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),
    concurrency=4,
    row_errors=RowErrors.WHOLE,
)


class Events:
    """The events of one account."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def check(self) -> None:
        """Ask for one event, to prove that the key works, be it one that may only write them.

        That it may write them is told by the first batch.
        """
        query = {"page[size]": "1"}
        answer = self.http.request(
            "GET", "/api/events", params=query, idempotent=True, bucket="events", pace=READS, classify=_unless_forbidden
        )
        if answer.status not in (200, 403):
            raise DestinationRefused(
                f"Klaviyo's events could not be asked for ({code_of(answer)}).",
                where="connections.yml, field base_url",
                fix="Check the address of the API.",
            )

    def send(self, rows: Sequence[Row]) -> list[RowResult]:
        """Hand over a batch, but for what Klaviyo would refuse the whole batch for."""
        refused = {row.key: code for row in rows if (code := unfit(row.payload)) is not None}
        body = job([event(row.payload) for row in rows if row.key not in refused])
        if len(refused) < len(rows):
            answer = self.http.request(
                "POST", "/api/event-bulk-create-jobs", json=body, idempotent=True, bucket="event jobs", pace=BULK
            )
            if answer.status >= 300:
                raise BatchRefused(code_of(answer), "Klaviyo said no: the events were not taken")
        return [result(CODES, row.key, refused.get(row.key, "taken")) for row in rows]


def size(delivery: Delivery, row: Row) -> int:
    """Return the bytes that a row adds to a body, at most."""
    return len(encode(event(row.payload))) + 1


def unfit(payload: Mapping[str, Any]) -> str | None:
    """Return the code of why Klaviyo would refuse a whole batch because of this event, or ``None``."""
    if not any(payload.get(name) for name in IDENTIFIERS):
        return "no_identifier"
    if moment(payload.get(TIME)) is None:
        return "no_time"
    if not 0 < len(str(payload.get(NAME) or "")) <= MOST_NAME:
        return "no_name"
    if payload.get(VALUE) is not None and _number(payload[VALUE]) is None:
        return "no_number"
    properties = _properties(payload)
    if len(properties) > MOST_PROPERTIES or any(len(str(value)) > MOST_STRING for value in properties.values()):
        return "too_large"
    return None


def event(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with whom it is of, as one entry of a bulk call."""
    at = moment(payload.get(TIME))
    attributes: dict[str, Any] = {
        "properties": _properties(payload),
        "metric": {"data": {"type": "metric", "attributes": {"name": str(payload.get(NAME))}}},
        "unique_id": str(payload.get(KEY)),
    }
    if at is not None:
        attributes["time"] = at.isoformat(timespec="seconds")
    if payload.get(VALUE) is not None:
        attributes["value"] = _number(payload[VALUE])
    if payload.get(CURRENCY) is not None:
        attributes["value_currency"] = str(payload[CURRENCY])
    identifiers = {name: str(payload[name]) for name in IDENTIFIERS if payload.get(name)}
    return {
        "type": "event-bulk-create",
        "attributes": {
            "profile": {"data": {"type": "profile", "attributes": identifiers}},
            "events": {"data": [{"type": "event", "attributes": attributes}]},
        },
    }


def job(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the body of a bulk call."""
    return {
        "data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": list(events)}}},
    }


def _unless_forbidden(response: Response) -> Verdict:
    """Let a missing permission to read be an answer: sending does not need it."""
    return Verdict(Action.ANSWER) if response.status == 403 else by_status(response)


def _properties(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in COLUMNS and value is not None}


def _number(value: Any) -> float | int | None:
    """Return a number, also of a text, as which warehouses hand over exact ones."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
