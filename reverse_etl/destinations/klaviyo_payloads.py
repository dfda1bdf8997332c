"""What Klaviyo's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.klaviyo`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reverse_etl.http import encode
from reverse_etl.rows import Outcome, Row, RowResult, same_result

IDENTIFIERS = ("email", "external_id", "phone_number")
ATTRIBUTES = frozenset({*IDENTIFIERS, "first_name", "last_name", "organization", "title", "image", "locale"})
LOCATION = frozenset(
    {"address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip"}
)

PROFILE_BYTES = 100_000  #: of one profile, "100KB"
LOOKUP_ROWS = 100  #: profiles on one page, the most that the filter can bring back at once
LOOKUP_BYTES = 6_000  #: of the filter, which travels in the address

#: What a job's import error means; a code that is not listed is the row's own fault.
IMPORT_ERRORS: Mapping[str, Outcome] = {
    "error": Outcome.TRANSIENT,
    "internal_error": Outcome.TRANSIENT,
    "rate_limited": Outcome.TRANSIENT,
    "throttled": Outcome.TRANSIENT,
    "timeout": Outcome.TRANSIENT,
}

_POINTER = re.compile(r"/(\d+)(?:/|$)")


def profile(row: Row) -> dict[str, Any]:
    """Return a row as a profile of an import job.

    Empty values are left out, because a job does not clear fields; a custom property that became empty is unset.
    """
    attributes: dict[str, Any] = {}
    location: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for column, value in row.payload.items():
        if value is not None:
            group = attributes if column in ATTRIBUTES else location if column in LOCATION else properties
            group[column] = value
    if location:
        attributes["location"] = location
    if properties:
        attributes["properties"] = properties
    unset = sorted(
        column for column in row.changed if row.payload.get(column) is None and column not in ATTRIBUTES | LOCATION
    )
    meta = {"meta": {"patch_properties": {"unset": unset}}} if unset else {}
    return {"type": "profile", "attributes": attributes, **meta}


def too_large(row: Row) -> bool:
    """Return whether a profile alone is over the vendor's limit. Only rows with long texts are worth measuring."""
    length = sum(len(str(value)) for value in row.payload.values())
    return length > PROFILE_BYTES // 16 and len(encode(profile(row))) > PROFILE_BYTES


def cleared(row: Row) -> dict[str, Any] | None:
    """Return the call that empties the standard fields of a row that became empty, or ``None`` where none did.

    The guide of the bulk import says that null does not clear a field there, and names the create-or-update call.
    """
    empty = {column for column in row.changed if row.payload.get(column) is None}
    attributes: dict[str, Any] = dict.fromkeys(sorted(empty & ATTRIBUTES))
    if empty & LOCATION:
        attributes["location"] = dict.fromkeys(sorted(empty & LOCATION))
    if not attributes:
        return None
    attributes[identifier(row)] = row.key
    return {"data": {"type": "profile", "attributes": attributes}}


def identifier(row: Row) -> str:
    """Return which identifier the row's key is."""
    return next((name for name in IDENTIFIERS if str(row.payload.get(name)) == row.key), IDENTIFIERS[0])


def import_job(target: str | None, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the body of an import job, with the list that its profiles go on."""
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [profile(row) for row in rows]}},
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
        return same_result(rows, Outcome.AMBIGUOUS, "row_count", "the job had other rows than are known of it")
    results = {row.key: RowResult(row.key, Outcome.APPLIED) for row in rows}
    unnamed = 0
    for error in errors:
        attributes = error.get("attributes", {})
        place = _POINTER.search(str((attributes.get("source") or {}).get("pointer") or ""))
        if place is None or int(place[1]) >= len(rows):
            unnamed += 1
            continue
        key = rows[int(place[1])].key
        code = str(attributes.get("code") or "import_error")
        results[key] = RowResult(
            key, IMPORT_ERRORS.get(code, Outcome.PERMANENT), code, "Klaviyo refused the profile in the import job"
        )
    if unnamed or (failed is not None and failed > len(errors)):
        # Some row failed and the job does not say which: no other row may be called applied.
        unsure = ("unnamed_error", "the job failed more rows than it names")
        results = {
            key: RowResult(key, Outcome.AMBIGUOUS, *unsure) if result.outcome is Outcome.APPLIED else result
            for key, result in results.items()
        }
    return list(results.values())


def lookups(rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    """Yield (field, keys) for each lookup call, within the page and the length of an address."""
    for field in IDENTIFIERS:
        keys: list[str] = []
        used = 0
        for row in rows:
            if identifier(row) != field:
                continue
            cost = len(quote(f'"{row.key}",'))
            if keys and (len(keys) == LOOKUP_ROWS or used + cost > LOOKUP_BYTES):
                yield field, keys
                keys, used = [], 0
            keys.append(row.key)
            used += cost
        if keys:
            yield field, keys


def any_filter(field: str, values: Sequence[str]) -> str:
    """Return a filter for any of these values, quoted as Klaviyo's filter language asks."""
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return f"any({field},[{quoted}])"


def member(profile_id: str) -> dict[str, str]:
    """Return a profile as a list's relationships name it."""
    return {"type": "profile", "id": profile_id}
