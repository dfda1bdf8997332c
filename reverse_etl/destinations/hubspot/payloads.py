"""What HubSpot's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, objects, result, short
from reverse_etl.errors import BatchRefused
from reverse_etl.http import encode
from reverse_etl.rows import Outcome, Row, RowResult

EMAIL = "email"
DOMAIN = "domain"

#: Where a record keeps the further values of a property that it is found by: a merge leaves it several.
OTHER_NAMES = {EMAIL: ("hs_additional_emails",), DOMAIN: ("hs_additional_domains",)}

#: Only columns that begin so are ever emptied by a removal. Which other properties are HubSpot's, sales' or another
#: tool's cannot be known from here, and whoever guesses wrong wipes their work.
OURS = "weft_"

SEARCH_GROUPS = 5  #: alternatives in one search, the most that HubSpot takes

NOT_FOUND = "not_found"
NO_RECORD = "no_contact"

#: What each code of a row means. The upper-case ones are HubSpot's categories.
CODES: Codes = {
    "VALIDATION_ERROR": Meaning(Outcome.PERMANENT, "HubSpot refused a value of the record"),
    "CONFLICT": Meaning(Outcome.PERMANENT, "another record of HubSpot is in the way"),
    "OBJECT_NOT_FOUND": Meaning(Outcome.INFO, "HubSpot has no such record"),
    "INTERNAL_ERROR": Meaning(Outcome.TRANSIENT, "HubSpot failed on the record"),
    "RATE_LIMITS": Meaning(Outcome.TRANSIENT, "HubSpot put the record off"),
    "TIMEOUT": Meaning(Outcome.TRANSIENT, "HubSpot ran out of time on the record"),
    "SERVICE_UNAVAILABLE": Meaning(Outcome.TRANSIENT, "HubSpot was not available for the record"),
    OTHER: Meaning(Outcome.PERMANENT, "HubSpot refused the record"),
    NOT_FOUND: Meaning(Outcome.INFO, "HubSpot has no such record, and the sync creates none"),
    NO_RECORD: Meaning(Outcome.APPLIED, "HubSpot has no such record"),
    "no_columns": Meaning(Outcome.APPLIED, f"the feed has no property of {OURS}"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
    "already_merged": Meaning(Outcome.APPLIED, "both addresses are one contact"),
    "no_survivor": Meaning(Outcome.INFO, "HubSpot has no contact to merge into"),
    "no_answer": Meaning(Outcome.TRANSIENT, "HubSpot's answer does not mention the record"),
}


def write_input(name: str, by: str | None, values: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return one input of an upsert or an update.

    Args:
        name: The record's id, or its value of the property that it is found by.
        by: That property; none for the id.
        values: Column to value; ``None`` empties the property, for which HubSpot asks for the empty text.
        place: The input's place in the batch, which is what the answer refers back to.
    """
    properties = {column: "" if value is None else text(value) for column, value in values.items()}
    found_by = {"idProperty": by} if by else {}
    return {"id": name, **found_by, "objectWriteTraceId": str(place), "properties": properties}


def ours(rows: Iterable[Row], key: str) -> list[str]:
    """Return the columns of rows that nobody but a sync fills, by their prefix; the key, which names them, stays."""
    return sorted({column for row in rows for column in row.payload if column.startswith(OURS) and column != key})


def searches(columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield searches that count the records with any of these properties, by as many as one search can ask for."""
    for start in range(0, len(columns), SEARCH_GROUPS):
        some = columns[start : start + SEARCH_GROUPS]
        groups = [{"filters": [{"propertyName": column, "operator": "HAS_PROPERTY"}]} for column in some]
        yield {"filterGroups": groups, "properties": [], "limit": 1}


def map_batch(names: Sequence[str], body: Mapping[str, Any], by: str = EMAIL) -> list[RowResult]:
    """Return one result per input of an answered batch, with the input's name for a key.

    The order of the answer's results is not promised, so they are matched by trace id, record id or the property that
    the records are found by.

    Args:
        names: What the inputs name.
        body: The answer.
        by: The property that the names may be values of.

    Raises:
        BatchRefused: Some input failed and the answer does not say which.
    """
    places = {str(place): sent for place, sent in enumerate(names)}
    by_name = {spelled(by, sent): sent for sent in names}
    results: dict[str, RowResult] = {}
    for found in objects(body.get("results")):
        traced = places.get(str(found.get("objectWriteTraceId")))
        key = traced or next((by_name[name] for name in names_of(found, by) if name in by_name), None)
        if key is not None:
            results[key] = RowResult(key, Outcome.APPLIED, destination_id=str(found["id"]) if "id" in found else None)
    unnamed = []
    for error in objects(body.get("errors")):
        keys = _named(error, {"objectWriteTraceId": places, "ids": by_name, "id": by_name, by: by_name})
        results |= {key: result(CODES, key, category(error)) for key in keys}
        if not keys:
            unnamed.append(error)
    silent = [sent for sent in names if sent not in results]
    if unnamed and len(silent) == 1:
        results[silent[0]] = result(CODES, silent[0], category(unnamed[0]))
    elif unnamed and silent:
        raise BatchRefused(category(unnamed[0]), "HubSpot refused some records of the batch without naming them")
    return [results.get(sent) or result(CODES, sent, "no_answer") for sent in names]


def _named(error: Mapping[str, Any], known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the keys of the rows that an error's context names."""
    context = inside(error.get("context"))
    keys = []
    for field, names in known.items():
        values = context.get(field) or []
        for value in values if isinstance(values, list) else [values]:
            key = names.get(str(value)) or names.get(str(value).lower())
            if key is not None:
                keys.append(key)
    return keys


def category(error: Mapping[str, Any]) -> str:
    """Return the category of an error."""
    return short(error.get("category") or OTHER)


def names_of(found: Mapping[str, Any], by: str | None) -> list[str]:
    """Return what a record can be named by: its id, and its values of a property, several after a merge."""
    properties = inside(found.get("properties"))
    names = [str(found.get("id", ""))]
    for column in [by, *OTHER_NAMES.get(by, ())] if by else ():
        value = str(properties.get(column) or "")
        values = value.split(";") if column != by else [value]
        names += [spelled(by, one) for one in values if one.strip()]
    return names


def spelled(by: str | None, value: str) -> str:
    """Return a value in the spelling that it is compared in: addresses and domains are the same in any case."""
    return value.strip().lower() if by in OTHER_NAMES else value


def text(value: Any) -> str:
    """Return a value as HubSpot's properties, which are all texts, spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else encode(value).decode()
