"""What Braze's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.braze.destination`. That an error of ``/users/track`` names an object by
``input_array`` and ``index`` is on none of Braze's pages. It is seen in answers that others recorded (the projects
brazecli, on 2026-09-15, and rudder-transformer; read on 2026-11-22). So an error that names nothing is read as one that
may concern any row of the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Delivery, Mode
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects, result
from reverse_etl.destinations.moments import moment
from reverse_etl.destinations.policies import written
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

#: The columns that name a person, the strongest first: of two in one object, Braze goes by the one before.
IDENTIFIERS = ("external_id", "alias_name", "email", "phone")

#: Attributes that say what somebody receives; through ``/users/track`` they would subscribe and unsubscribe people.
CONSENT = frozenset(
    {"email_subscribe", "push_subscribe", "subscription_groups", "marked_email_as_spam_at", "push_tokens"}
)
#: What ``/users/track`` reads in an object beside attributes.
CONTROLS = frozenset({"braze_id", "user_alias", "push_token_import", "_update_existing_only", "_merge_objects"})
#: Attributes that Braze has from the start, which no audience may be called.
STANDARD = CONSENT | {
    *("country", "current_location", "date_of_first_session", "date_of_last_session", "dob", "email", "external_id"),
    *("facebook", "first_name", "gender", "home_city", "image_url", "language", "last_name", "phone", "time_zone"),
    *("twitter", "bio", "alias_name"),
}
EVENT = frozenset({"event_id", "event_name", "occurred_at", "app_id", *IDENTIFIERS})

ATTRIBUTES, EVENTS = "attributes", "events"
UNNAMED = "unnamed_error"

#: What each code of a row means. Braze has messages and no codes, so these are ours.
CODES: Codes = {
    "invalid_email": Meaning(Outcome.PERMANENT, "Braze does not take the e-mail address"),
    "invalid_identifier": Meaning(Outcome.PERMANENT, "Braze does not take what names the person"),
    "blocked": Meaning(Outcome.PERMANENT, "Braze has blocked the person's external_id"),
    OTHER: Meaning(Outcome.PERMANENT, "Braze refused the row"),
    UNNAMED: Meaning(Outcome.AMBIGUOUS, "Braze refused some rows of the call without naming them"),
    "unconfirmed": Meaning(Outcome.AMBIGUOUS, "Braze's answer does not say that it took the call"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
    "no_identifier": Meaning(Outcome.PERMANENT, "the event has nothing that names a person"),
    "no_name": Meaning(Outcome.PERMANENT, "the event has no name"),
    "no_time": Meaning(Outcome.PERMANENT, "the event has no moment, or none that can be read"),
    "unsubscribed": Meaning(Outcome.INFO, "the person unsubscribed at Braze, and a sync subscribes nobody again"),
    "no_state": Meaning(Outcome.TRANSIENT, "Braze did not say whether the person is subscribed"),
}

#: Words of Braze's messages, and our code for them. Only these words are looked for; nothing of a message is kept.
_SAID = (
    ("valid email", "invalid_email"),
    ("blacklisted", "blocked"),
    ("external_id", "invalid_identifier"),
    ("user_alias", "invalid_identifier"),
    ("phone", "invalid_identifier"),
)


def named(column: str, value: str, alias_label: str | None) -> dict[str, Any]:
    """Return the part of an object that says whom it is about."""
    if column == "alias_name":
        return {"user_alias": {"alias_name": value, "alias_label": alias_label}}
    return {column: value}


def creating(column: str, mode: Mode) -> dict[str, bool]:
    """Return whether an unknown person is created. Of an alias Braze creates nobody unless it is told to."""
    if mode is Mode.UPDATE:
        return {"_update_existing_only": True}
    return {"_update_existing_only": False} if column == "alias_name" else {}


def attributes(delivery: Delivery, row: Row, alias_label: str | None) -> dict[str, Any] | None:
    """Return the attributes to write of a row, of a change only what changed; ``None`` where there are none."""
    values = written(delivery, row, whole=False)
    values.pop(delivery.key, None)
    if not values and row.op is Op.CHANGE:
        return None
    return {**named(delivery.key, row.key, alias_label), **creating(delivery.key, delivery.mode), **values}


def flag(delivery: Delivery, row: Row, alias_label: str | None) -> dict[str, Any]:
    """Return the one attribute that puts somebody into an audience or takes them out; out creates nobody."""
    leaves = row.op is Op.REMOVE
    mode = Mode.UPDATE if leaves else delivery.mode
    whom = {**named(delivery.key, row.key, alias_label), **creating(delivery.key, mode)}
    return {**whom, str(delivery.target): None if leaves else True}


def event(row: Row, alias_label: str | None) -> dict[str, Any] | str:
    """Return a row as an event, or the code that says why it is none.

    Braze knows no id of an event, so the row's goes along as a property, by which one that came twice can be told.
    """
    values = row.payload
    who = next((column for column in IDENTIFIERS if values.get(column) not in (None, "")), None)
    when = moment(values.get("occurred_at"))
    if who is None:
        return "no_identifier"
    if not values.get("event_name"):
        return "no_name"
    if when is None:
        return "no_time"
    properties = {column: value for column, value in values.items() if column not in EVENT and value is not None}
    return {
        **named(who, str(values[who]), alias_label),
        **creating(who, Mode.APPEND),
        **({"app_id": values["app_id"]} if values.get("app_id") else {}),
        "name": str(values["event_name"]),
        "time": when.isoformat().replace("+00:00", "Z"),
        "properties": {**properties, "event_id": row.key},
    }


def map_track(rows: Sequence[Row], answer: Response, array: str) -> list[RowResult]:
    """Return one result per object of an answered ``/users/track`` call.

    Args:
        rows: In the order in which their objects were sent.
        answer: What Braze said.
        array: Where the objects were: ``attributes`` or ``events``.

    Raises:
        BatchRefused: The call was refused; or some attributes were, without being named. Attributes may be sent again.
    """
    errors = answer.body.get("errors")
    errors = errors if isinstance(errors, list) else []
    if answer.status >= 300:
        raise BatchRefused(_code(errors[0]) if len(errors) == 1 else str(answer.status), "Braze refused the call")
    if answer.status == 202 or answer.body.get("message") == "queued":  # while Braze is under maintenance
        return same_result(rows, Outcome.APPLIED)
    if answer.body.get("message") != "success":
        return [result(CODES, row.key, "unconfirmed") for row in rows]
    refused, unnamed = _places(errors, array, len(rows))
    if unnamed and array == ATTRIBUTES:
        raise BatchRefused(_code(unnamed[0]), "Braze refused attributes without naming them")
    return [
        result(CODES, row.key, refused[place])
        if place in refused
        else result(CODES, row.key, UNNAMED)
        if unnamed
        else RowResult(row.key, Outcome.APPLIED)
        for place, row in enumerate(rows)
    ]


def _places(errors: Sequence[Any], array: str, most: int) -> tuple[dict[int, str], list[Any]]:
    """Return the codes of the objects that errors name by their place, and the errors that name none."""
    refused: dict[int, str] = {}
    unnamed = [error for error in errors if not isinstance(error, dict)]
    for error in objects(errors):
        place = error.get("index")
        if isinstance(place, int) and 0 <= place < most and error.get("input_array", array) == array:
            refused[place] = _code(error)
        else:
            unnamed.append(error)
    return refused, unnamed


def _code(error: Any) -> str:
    """Return our code for an error, by the words of its message."""
    said = str(error.get("type", "") if isinstance(error, Mapping) else error).lower()
    return next((code for words, code in _SAID if words in said), OTHER)
