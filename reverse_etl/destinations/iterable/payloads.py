"""What Iterable's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.iterable.destination`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, result, short
from reverse_etl.destinations.moments import moment
from reverse_etl.destinations.policies import written
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult

KEYS = ("userId", "email")  #: what names a person, the one that an event goes by first

#: Profile fields that say what somebody receives: lists, channels and message types.
CONSENT = frozenset(
    {"emailListIds", "subscribedMessageTypeIds", "unsubscribedChannelIds", "unsubscribedMessageTypeIds"}
)
EVENT = frozenset({"event_id", "event_name", "occurred_at", *KEYS})
EVENT_ID_BYTES = 512

_GONE = ("notFound", "forgotten")
_KINDS = {
    "invalid": Meaning(Outcome.PERMANENT, "Iterable does not take what names the person"),
    "invalidData": Meaning(Outcome.PERMANENT, "Iterable refused a value of the profile"),
    "conflict": Meaning(Outcome.PERMANENT, "an identifier of the row belongs to another profile"),
    "forgotten": Meaning(Outcome.PERMANENT, "the person was erased at Iterable"),
    "notFound": Meaning(Outcome.INFO, "Iterable has no such person"),
}

#: What each code of a row means. Those in Iterable's spelling are its lists of failed updates, and its error codes.
CODES: Codes = {
    **{f"{kind}{what}": meaning for kind, meaning in _KINDS.items() for what in ("Emails", "UserIds")},
    "disallowedEventNames": Meaning(Outcome.PERMANENT, "the project does not take events of this name"),
    "RequestFieldsTypesMismatched": Meaning(Outcome.PERMANENT, "a field has another type in the project"),
    OTHER: Meaning(Outcome.PERMANENT, "Iterable refused the row"),
    "unconfirmed": Meaning(Outcome.AMBIGUOUS, "Iterable's answer does not count the rows"),
    "not_there": Meaning(Outcome.APPLIED, "Iterable has no such person, so nobody is on the list"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
    "no_identifier": Meaning(Outcome.PERMANENT, "the event has nothing that names a person"),
    "no_name": Meaning(Outcome.PERMANENT, "the event has no name"),
    "no_time": Meaning(Outcome.PERMANENT, "the event has no moment, or none that can be read"),
    "long_id": Meaning(Outcome.PERMANENT, f"the event's id is longer than {EVENT_ID_BYTES} bytes"),
}


def whom(column: str, value: str) -> dict[str, Any]:
    """Return the part of an object that says whom it is about.

    A project that knows people by their address creates nobody of a userId unless it is told to; others create anyway.
    """
    return {"userId": value, "preferUserId": True} if column == "userId" else {"email": value}


def user(delivery: Delivery, row: Row, *, merge: bool) -> dict[str, Any] | None:
    """Return what to write of a row, of a change only what changed; ``None`` where there is nothing.

    Args:
        delivery: Says the key and what an empty value does.
        row: The row.
        merge: Whether an object is merged into the one that is there, instead of replacing it.
    """
    values = written(delivery, row, whole=False)
    values.pop(delivery.key, None)
    if not values and row.op is Op.CHANGE:
        return None
    return {**whom(delivery.key, row.key), "dataFields": values, "mergeNestedObjects": merge}


def event(row: Row) -> dict[str, Any] | str:
    """Return a row as an event, or the code that says why it is none."""
    values = row.payload
    who = next((column for column in KEYS if values.get(column) not in (None, "")), None)
    when = moment(values.get("occurred_at"))
    if who is None:
        return "no_identifier"
    if not values.get("event_name"):
        return "no_name"
    if when is None:
        return "no_time"
    if len(row.key.encode()) > EVENT_ID_BYTES:
        return "long_id"
    return {
        who: str(values[who]),
        "id": row.key,
        "eventName": str(values["event_name"]),
        "createdAt": int(when.timestamp()),
        "dataFields": {name: value for name, value in values.items() if name not in EVENT and value is not None},
    }


def map_answer(rows: Sequence[Row], answer: Response, key: str, op: Op = Op.ADD) -> list[RowResult]:
    """Return one result per row of an answered bulk call.

    Failed rows are named by what names the person, so all of one person's rows of the call share a result.

    Args:
        rows: What was sent.
        answer: What Iterable said.
        key: The column that is the sync's key.
        op: What was asked for: who is not found needs no removal.

    Raises:
        BatchRefused: The call was refused, or rows were without being named. Every call may be repeated.
    """
    if answer.status >= 300:
        raise BatchRefused(code_of(answer), "Iterable refused the call")
    failed, done = (answer.body.get(name) for name in ("failCount", "successCount"))
    if not isinstance(failed, int) or not isinstance(done, int):
        return [result(CODES, row.key, "unconfirmed") for row in rows]
    refused = _named(rows, answer.body, key)
    if failed > len(refused):
        raise BatchRefused(OTHER, "Iterable refused some rows without naming them")
    gone = {f"{kind}{what}" for kind in _GONE for what in ("Emails", "UserIds")} if op is Op.REMOVE else set()
    return [
        RowResult(row.key, Outcome.APPLIED)
        if row.key not in refused
        else result(CODES, row.key, "not_there" if refused[row.key] in gone else refused[row.key])
        for row in rows
    ]


def _named(rows: Sequence[Row], body: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return the codes of the rows that an answer names, by their keys."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        for column in KEYS:
            value = row.key if column == key else row.payload.get(column)
            if value not in (None, ""):
                names[_spelled(column, str(value))].add(row.key)
        if row.payload.get("event_name"):
            names[f"event:{row.payload['event_name']}"].add(row.key)
    lists = {**inside(body.get("failedUpdates")), "disallowedEventNames": body.get("disallowedEventNames")}
    refused: dict[str, str] = {}
    for code, listed in lists.items():
        kind = "event_name" if code == "disallowedEventNames" else "email" if code.endswith("Emails") else "userId"
        for value in listed if isinstance(listed, list) else ():
            refused |= dict.fromkeys(names[_spelled(kind, str(value))], short(code))
    return refused


def _spelled(column: str, value: str) -> str:
    """Return a name as Iterable compares it: an address without regard to case, all else as it is."""
    if column == "event_name":
        return f"event:{value}"
    return f"email:{value.strip().lower()}" if column == "email" else f"userId:{value}"


def dropped(answer: Response, columns: frozenset[str]) -> list[str]:
    """Return the feed's columns that Iterable left out, because the project takes no fields that it does not know."""
    listed = answer.body.get("filteredOutFields")
    top = {str(name).split(".", 1)[0] for name in listed} if isinstance(listed, list) else set()
    return sorted(top & columns)


def code_of(answer: Response) -> str:
    """Return Iterable's code of an error, else the status."""
    return short(answer.body.get("code") or answer.status)
