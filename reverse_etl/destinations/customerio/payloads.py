"""What Customer.io's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.customerio.destination`.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects, result, short
from reverse_etl.destinations.moments import moment
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Outcome, Row, RowResult

PERSON_KEYS = ("cio_id", "id", "email")  #: what a person can be named by, the most certain first
EVENT_COLUMNS = frozenset({"event_id", "event_name", "occurred_at", *PERSON_KEYS})

#: Only attributes that begin so are ever emptied by a removal: nobody else fills them.
OURS = "weft_"

MAX_ITEM = 32_000  #: bytes of one operation in a batch
AROUND = 150  #: bytes of an operation beside the values of its row, at most

#: Attributes of a person by which Customer.io keeps consent: a feed that says false would subscribe who unsubscribed.
CONSENT = frozenset({"unsubscribed", "cio_subscription_preferences"})
#: Attributes of an event that send its messages to, or in the name of, somebody else.
ENVELOPE = frozenset({"recipient", "from_address", "reply_to"})
UPDATE = "_update"  #: an attribute that is none, but says that nobody is to come to be

#: What each code of a row means. The first two are reasons that Customer.io gives; the others are ours.
CODES: Codes = {
    "invalid": Meaning(Outcome.PERMANENT, "Customer.io refused a value of the row"),
    "required": Meaning(Outcome.PERMANENT, "Customer.io misses a value in the row"),
    OTHER: Meaning(Outcome.PERMANENT, "Customer.io refused the row"),
    "too_large": Meaning(Outcome.PERMANENT, "the row is larger than the 32 KB that Customer.io takes"),
    "no_person": Meaning(Outcome.PERMANENT, "the event names no person: it has neither cio_id nor id nor email"),
    "bad_time": Meaning(Outcome.PERMANENT, "occurred_at is not a time"),
    "no_columns": Meaning(Outcome.APPLIED, f"the feed has no attribute of {OURS}"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
}

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
# A ULID is written in Crockford's base 32, which has other digits than the usual one.
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def identify(key: str, values: Mapping[str, Any], *, create: bool = True) -> dict[str, Any]:
    """Return the operation that writes attributes of a person.

    Args:
        key: The column that names the person.
        values: Column to value, the key among them; ``None`` removes the attribute.
        create: Whether a person who is not there comes to be.
    """
    attributes = {column: value for column, value in values.items() if column != key}
    if "created_at" in attributes:
        attributes["created_at"] = seconds(attributes["created_at"])
    if not create:
        attributes[UPDATE] = True
    return {"type": "person", "identifiers": {key: values[key]}, "action": "identify", "attributes": attributes}


def event(row: Row) -> dict[str, Any] | str:
    """Return the operation that records an event of a person, or the code of why the row cannot be one."""
    values = row.payload
    named = next((name for name in PERSON_KEYS if values.get(name) is not None), None)
    if named is None:
        return "no_person"
    occurred = values.get("occurred_at")
    at = seconds(occurred)
    if occurred is not None and not isinstance(at, int):
        return "bad_time"
    operation = {
        "type": "person",
        "identifiers": {named: str(values[named])},
        "action": "event",
        "id": ulid(row.key, at),
        "name": values.get("event_name"),
        "attributes": {
            column: value for column, value in values.items() if column not in EVENT_COLUMNS and value is not None
        },
    }
    return operation if at is None else operation | {"timestamp": at}


def seconds(value: Any) -> Any:
    """Return a moment as seconds since 1970, as Customer.io keeps them; what is not one stays as it is."""
    at = moment(value)
    return value if at is None else int(at.timestamp())


def ulid(event_id: str, at: int | None) -> str:
    """Return the id by which Customer.io knows an event again: always the same one for the same event.

    Customer.io takes no other id than a ULID. One that the event has is kept; for any other id one is made of the
    event's second and of a hash of the id.
    """
    if _ULID.fullmatch(event_id.upper()):
        return event_id.upper()
    digest = hashlib.sha256(event_id.encode()).digest()[:10]
    number = (min(max(at or 0, 0) * 1000, 2**48 - 1) << 80) | int.from_bytes(digest)
    return b32encode(number.to_bytes(20)).translate(_CROCKFORD)[6:].decode()


def ours(rows: Iterable[Row]) -> list[str]:
    """Return the columns of rows that nobody but a sync fills, by their prefix."""
    return sorted({column for row in rows for column in row.payload if column.startswith(OURS)})


def longest(row: Row) -> int:
    """Return the bytes that the operation of a row takes, at most: its values, and what stands around them."""
    emptied = 4 * len(row.payload)  # "null" in place of a shorter value
    return len(encode(row.payload)) + len(encode(row.key)) + emptied + AROUND


def too_large(operation: Mapping[str, Any]) -> bool:
    """Return whether Customer.io would refuse an operation for its size."""
    return len(encode(operation)) > MAX_ITEM


def refuse_envelope(columns: Iterable[str]) -> None:
    """Raise where the feed of events has a column that would send messages to, or from, somebody else."""
    found = sorted(ENVELOPE.intersection(columns))
    if found:
        raise DestinationRefused(
            "An event of Customer.io does not say to whom or from whom its messages go.",
            where=f"feed column {', '.join(found)}",
            fix="Leave the column out of the feed, or rename it.",
        )


def map_batch(rows: Sequence[Row], body: Mapping[str, Any]) -> list[RowResult]:
    """Return one result per row of an answered batch: what the answer does not name was taken.

    Raises:
        BatchRefused: Some row failed and the answer does not say which.
    """
    failed: dict[int, str] = {}
    for error in objects(body.get("errors")):
        place = error.get("batch_index")
        if len(rows) == 1:
            place = 0
        if not isinstance(place, int) or not 0 <= place < len(rows):
            raise BatchRefused(reason(error), "Customer.io refused some rows of the batch without naming them")
        failed[place] = reason(error)
    return [
        result(CODES, row.key, failed[place]) if place in failed else RowResult(row.key, Outcome.APPLIED)
        for place, row in enumerate(rows)
    ]


def reason(error: Mapping[str, Any]) -> str:
    """Return the short code of an error."""
    return short(error.get("reason") or OTHER)
