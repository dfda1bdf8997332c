"""What goes to Google of a row: members of an audience and events, and the bodies that carry them.

Sources as in :mod:`reverse_etl.destinations.google.destination`: the discovery document, and "Format user data".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.moments import moment
from reverse_etl.hashing.table import columns, told
from reverse_etl.hashing.vendors import GOOGLE
from reverse_etl.rows import Row

MOBILE_ID = "mobile_ad_id"

#: Of whom a member or an event is of.
PERSON = columns(GOOGLE) - {MOBILE_ID}
CLICKS = frozenset({"gclid", "gbraid", "wbraid"})
#: Columns of an event with a field of their own; any other is a custom variable.
EVENT = PERSON | CLICKS | {MOBILE_ID, "event_id", "event_name", "event_source", "occurred_at", "value", "currency"}

_WHOLE_ADDRESS = ("givenName", "familyName", "regionCode", "postalCode")

# Bytes that a row adds besides its values: the names of all fields that it may have, and what separates them.
_MEMBER_FRAME, _EVENT_FRAME, _VARIABLE_FRAME = 260, 560, 40
_HASH = 64


def identifiers(fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the identifiers of a person: an address only where it is whole, since Google takes it so or not at all.

    Args:
        fields: Google's field to its value, hashed where that is due.
    """
    found: list[dict[str, Any]] = [{name: fields[name]} for name in ("emailAddress", "phoneNumber") if name in fields]
    if all(name in fields for name in _WHOLE_ADDRESS):
        found.append({"address": {name: fields[name] for name in _WHOLE_ADDRESS}})
    return found


def member(delivery: Delivery, payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a row as a member of an audience; ``None`` where it has nothing to match by.

    An audience is either of contact information or of mobile ids, and a request holds one kind only: a feed that is
    keyed by mobile ids is of those.
    """
    fields = told(GOOGLE, payload)
    if delivery.key == MOBILE_ID:
        return {"mobileData": {"mobileIds": [fields["mobileIds"]]}} if "mobileIds" in fields else None
    found = identifiers(fields)
    return {"userData": {"userIdentifiers": found}} if found else None


def event(payload: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return a row as an event, or the code of what keeps it from being one."""
    when = moment(payload.get("occurred_at"))
    if when is None:
        return "bad_time"
    made: dict[str, Any] = {"transactionId": str(payload["event_id"]), "eventTimestamp": timestamp(when)}
    fields = told(GOOGLE, payload)
    person = identifiers(fields)
    clicks = {name: str(payload[name]) for name in sorted(CLICKS) if payload.get(name) is not None}
    if "mobileIds" in fields:
        clicks["mobileDeviceId"] = fields["mobileIds"]
    if not person and not clicks:
        return "nothing_to_match"
    if person:
        made["userData"] = {"userIdentifiers": person}
    if clicks:
        made["adIdentifiers"] = clicks
    if payload.get("value") is not None:
        try:
            made["conversionValue"] = float(payload["value"])
        except (TypeError, ValueError):
            return "bad_value"
    for column, name in (("currency", "currency"), ("event_source", "eventSource")):
        if payload.get(column) is not None:
            made[name] = str(payload[column]).strip().upper()
    if payload.get("event_name") is not None:
        made["eventName"] = str(payload["event_name"])
    variables = {name: value for name, value in payload.items() if name not in EVENT and value is not None}
    if variables:
        made["customVariables"] = [{"variable": name, "value": str(value)} for name, value in variables.items()]
    return made


def timestamp(moment: datetime) -> str:
    """Return a moment in the form that Google takes."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def size(row: Row) -> int:
    """Return the bytes that a row adds to a body, at most: what a person has counts as hashes."""
    total = 0
    for column, value in row.payload.items():
        if value is not None:
            total += max(_HASH, 4 * len(str(value))) + (0 if column in EVENT else _VARIABLE_FRAME + 4 * len(column))
    return total + (_EVENT_FRAME if "event_id" in row.payload else _MEMBER_FRAME)


def body(destination: Mapping[str, Any], part: str, items: Sequence[Any], **rest: Any) -> dict[str, Any]:
    """Return a request to one destination.

    Args:
        destination: The account and the audience or the conversion action.
        part: What the items are called: ``audienceMembers`` or ``events``.
        items: The members or the events.
        rest: Further fields of the request; those that are empty are left out.
    """
    given = {name: value for name, value in rest.items() if value}
    return {"destinations": [destination], part: list(items), "encoding": "HEX", **given}
