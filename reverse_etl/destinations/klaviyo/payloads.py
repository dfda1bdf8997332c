"""What Klaviyo's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.klaviyo`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reverse_etl.destinations.base import Delivery, NullPolicy
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, result, short
from reverse_etl.destinations.policies import conditional, written
from reverse_etl.http import encode
from reverse_etl.rows import Outcome, Row, RowResult

IDENTIFIERS = ("email", "external_id", "phone_number")
PERSON_IDENTIFIERS = {"email": "email", "phone_number": "phone", "external_id": "user_id"}
ATTRIBUTES = frozenset({*IDENTIFIERS, "first_name", "last_name", "organization", "title", "image", "locale"})
LOCATION = frozenset(
    {"address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip"}
)
STANDARD = ATTRIBUTES | LOCATION

PROFILE_BYTES = 100_000  #: of one profile, "100KB"
LOOKUP_ROWS = 100  #: profiles on one page, the most that the filter can bring back at once
LOOKUP_BYTES = 6_000  #: of the filter, which travels in the address

NOT_FOUND = "not_found"

#: What each code of a row means. Those of an import job's errors are Klaviyo's, the others ours.
CODES: Codes = {
    "invalid": Meaning(Outcome.PERMANENT, "Klaviyo refused a value of the profile"),
    "duplicate_profile": Meaning(Outcome.PERMANENT, "an identifier of the row belongs to another profile"),
    "error": Meaning(Outcome.TRANSIENT, "Klaviyo failed on the profile"),
    "internal_error": Meaning(Outcome.TRANSIENT, "Klaviyo failed on the profile"),
    "rate_limited": Meaning(Outcome.TRANSIENT, "Klaviyo put the profile off"),
    "throttled": Meaning(Outcome.TRANSIENT, "Klaviyo put the profile off"),
    "timeout": Meaning(Outcome.TRANSIENT, "Klaviyo ran out of time on the profile"),
    OTHER: Meaning(Outcome.PERMANENT, "Klaviyo refused the profile"),
    NOT_FOUND: Meaning(Outcome.INFO, "Klaviyo has no such profile, and an update creates none"),
    "no_profile": Meaning(Outcome.APPLIED, "Klaviyo has no such profile"),
    "too_large": Meaning(
        Outcome.PERMANENT, "the profile, or a text of the event, is larger than the 100 KB that Klaviyo takes"
    ),
    "no_job": Meaning(Outcome.TRANSIENT, "Klaviyo named no job"),
    "job_gone": Meaning(Outcome.TRANSIENT, "Klaviyo no longer knows the job"),
    "job_given_up": Meaning(Outcome.TRANSIENT, "Klaviyo gave up the job"),
    "row_count": Meaning(Outcome.AMBIGUOUS, "the job had other rows than are known of it"),
    "unnamed_error": Meaning(Outcome.AMBIGUOUS, "the job failed more rows than it names"),
    "already_merged": Meaning(Outcome.APPLIED, "both keys are one profile"),
    "no_survivor": Meaning(Outcome.INFO, "Klaviyo has no profile to merge into"),
    "unconfirmed": Meaning(Outcome.TRANSIENT, "Klaviyo took the merge, and the profile is still there"),
    "taken": Meaning(Outcome.APPLIED, "Klaviyo took the event; what becomes of one it does not tell"),
    "no_identifier": Meaning(Outcome.PERMANENT, "the event has no address, number or id to say whose it is"),
    "no_time": Meaning(Outcome.PERMANENT, "when the event happened is not a moment"),
    "no_name": Meaning(Outcome.PERMANENT, "the event has no name of less than 128 characters"),
    "no_number": Meaning(Outcome.PERMANENT, "the value of the event is not a number"),
}

_POINTER = re.compile(r"/(\d+)(?:/|$)")


def values_of(delivery: Delivery, row: Row, there: Collection[str] = ()) -> dict[str, Any]:
    """Return what to write of a row: of a change only what changed, but always a whole location."""
    values = written(delivery, row, filled=there, whole=False, sparing=STANDARD)
    if LOCATION & values.keys():
        # It is not documented that the parts of a location that are not sent stay as they are.
        every = written(delivery, row, filled=there, sparing=STANDARD)
        values |= {column: value for column, value in every.items() if column in LOCATION}
    return values


def to_read(delivery: Delivery, rows: Sequence[Row]) -> set[str]:
    """Return the columns that depend on what is there: emptying a standard field takes a call, where it is filled."""
    standard = [column for column in STANDARD if delivery.policy(column) is NullPolicy.CLEAR and column != delivery.key]
    empty = {column for column in standard for row in rows if column in row.payload and row.payload[column] is None}
    return {*conditional(delivery, rows), *empty}


def profile(values: Mapping[str, Any], profile_id: str | None = None) -> dict[str, Any]:
    """Return what is written of a row as a profile of an import job.

    A job does not clear standard fields, so empty ones are left out here; a custom property that is empty is unset.

    Args:
        values: Column to value, ``None`` where the field is to be emptied.
        profile_id: Klaviyo's id of it, where no other profile may be meant and none be created.
    """
    attributes: dict[str, Any] = {}
    location: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for column, value in values.items():
        if value is not None:
            group = attributes if column in ATTRIBUTES else location if column in LOCATION else properties
            group[column] = value
    if location:
        attributes["location"] = location
    if properties:
        attributes["properties"] = properties
    unset = sorted(column for column, value in values.items() if value is None and is_custom(column))
    meta = {"meta": {"patch_properties": {"unset": unset}}} if unset else {}
    named = {"id": profile_id} if profile_id else {}
    return {"type": "profile", **named, "attributes": attributes, **meta}


def is_custom(column: str) -> bool:
    """Return whether a column is a custom property."""
    return column not in STANDARD


def too_large(values: Mapping[str, Any]) -> bool:
    """Return whether a profile alone is over the vendor's limit. Only rows with long texts are worth measuring."""
    length = sum(len(str(value)) for value in values.values())
    return length > PROFILE_BYTES // 16 and len(encode(profile(values))) > PROFILE_BYTES


def cleared(values: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Return the call that empties the standard fields that are to be emptied, or ``None`` where none are.

    The guide of the bulk import says that null does not clear a field there, and names the create-or-update call.

    Args:
        values: Column to value, ``None`` where the field is to be emptied.
        key: The column that names the profile.
    """
    empty = {column for column, value in values.items() if value is None}
    attributes: dict[str, Any] = dict.fromkeys(sorted(empty & ATTRIBUTES))
    if empty & LOCATION:
        attributes["location"] = dict.fromkeys(sorted(empty & LOCATION))
    if not attributes:
        return None
    attributes[key] = values[key]
    return {"data": {"type": "profile", "attributes": attributes}}


def emptied(profile_id: str, columns: Collection[str]) -> dict[str, Any]:
    """Return the call that empties these columns of a profile, standard fields and custom properties alike."""
    custom = [column for column in columns if is_custom(column)]
    attributes: dict[str, Any] = dict.fromkeys(sorted(ATTRIBUTES & set(columns)))
    if LOCATION & set(columns):
        attributes["location"] = dict.fromkeys(sorted(LOCATION & set(columns)))
    meta = {"meta": {"patch_properties": {"unset": sorted(custom)}}} if custom else {}
    return {"data": {"type": "profile", "id": profile_id, "attributes": attributes, **meta}}


def fields_of(columns: Collection[str], key: str) -> str:
    """Return the sparse fieldset that shows these columns of a profile, and its key."""
    fields = {"location" if name in LOCATION else name if name in ATTRIBUTES else "properties" for name in columns}
    return ",".join(sorted({key, *fields}))


def filled(found: Mapping[str, Any], columns: Collection[str]) -> set[str]:
    """Return which of these columns hold a value in a profile."""
    attributes = inside(found.get("attributes"))
    location, properties = inside(attributes.get("location")), inside(attributes.get("properties"))
    values = {
        column: (attributes if column in ATTRIBUTES else location if column in LOCATION else properties).get(column)
        for column in columns
    }
    return {column for column, value in values.items() if value not in (None, "", [])}


def import_job(target: str | None, profiles: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the body of an import job, with the list that its profiles go on."""
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": list(profiles)}},
    }
    if target is not None:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": target}]}}
    return {"data": data}


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows in the one order that a job is written and read back in, whatever order they were kept in."""
    return sorted(rows, key=lambda row: row.key)


def map_import_errors(
    rows: Sequence[Row], errors: Sequence[Mapping[str, Any]], *, failed: int | None = None, total: int | None = None
) -> list[RowResult]:
    """Return one result per row of a finished job.

    Args:
        rows: The job's rows, in the order that they were sent.
        errors: Its import errors; ``source.pointer`` names a row by its place in the request.
        failed: How many rows the job says it failed, where it says.
        total: How many rows the job says it had, where it says.
    """
    if errors and total is not None and total != len(rows):
        # Places count from the start of what was sent: with other rows at hand they would name the wrong people.
        return [result(CODES, row.key, "row_count") for row in rows]
    results = {row.key: RowResult(row.key, Outcome.APPLIED) for row in rows}
    unnamed = 0
    for error in errors:
        attributes = inside(error.get("attributes"))
        place = _POINTER.search(str(inside(attributes.get("source")).get("pointer") or ""))
        if place is None or int(place[1]) >= len(rows):
            unnamed += 1
            continue
        key = rows[int(place[1])].key
        results[key] = result(CODES, key, short(attributes.get("code") or OTHER))
    if unnamed or (failed is not None and failed > len(errors)):
        # Some row failed and the job does not say which: no other row may be called applied.
        results = {
            key: result(CODES, key, "unnamed_error") if known.outcome is Outcome.APPLIED else known
            for key, known in results.items()
        }
    return list(results.values())


def lookups(keys: Sequence[str]) -> Iterator[list[str]]:
    """Yield keys by as many as one lookup call takes, within the page and the length of an address."""
    some: list[str] = []
    used = 0
    for key in keys:
        cost = len(quote(f'"{key}",'))
        if some and (len(some) == LOOKUP_ROWS or used + cost > LOOKUP_BYTES):
            yield some
            some, used = [], 0
        some.append(key)
        used += cost
    if some:
        yield some


def any_filter(field: str, values: Sequence[str]) -> str:
    """Return a filter for any of these values, quoted as Klaviyo's filter language asks."""
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return f"any({field},[{quoted}])"


def member(profile_id: str) -> dict[str, str]:
    """Return a profile as a list's relationships name it."""
    return {"type": "profile", "id": profile_id}


def merge_body(source_id: str, into_id: str) -> dict[str, Any]:
    """Return the body that folds one profile into another."""
    return {
        "data": {"type": "profile-merge", "id": into_id, "relationships": {"profiles": {"data": [member(source_id)]}}}
    }
