"""HubSpot: contacts, created, updated and left alone again a hundred at a time.

Written from the pages "Upsert a batch of contacts", "Update a batch of contacts" and "Read a batch of contacts" of
HubSpot's API reference 2026-03 and the guide "Contacts", read on 2026-11-21. A date version is supported for 18 months
after its release (page "Developer platform and API versioning", read on 2026-11-21).

The guide says that partial upserts are not supported where the e-mail address identifies the contact, so every column
is sent, whichever of them changed. A removal empties the properties that begin with ``weft_``. The contact stays, with
the calls, deals and notes that hang on it, and so does every other property, whoever fills it. Calls that
archive or erase a contact are not part of this module.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Delivery, Destination, Limits, Mode, ObjectSpec, Settings
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

VERSION = "2026-03"
CONTACTS = f"/crm/objects/{VERSION}/contacts"
KEY = "email"
OTHER_EMAILS = "hs_additional_emails"

#: Only columns that begin so are ever emptied. Which other properties are HubSpot's, sales' or another tool's cannot be
#: known from here, and whoever guesses wrong wipes their work.
OURS = "weft_"

#: The pace of the smallest plan, 100 calls in 10 seconds; larger accounts are told more by their own headers.
_CALLS = Limits(rows=100, bytes=5_000_000, calls_per_second=10, burst=10)

#: What an error of one row means; a category that is not listed is the row's own fault.
CATEGORIES: Mapping[str, Outcome] = {
    "INTERNAL_ERROR": Outcome.TRANSIENT,
    "RATE_LIMITS": Outcome.TRANSIENT,
    "TIMEOUT": Outcome.TRANSIENT,
    "SERVICE_UNAVAILABLE": Outcome.TRANSIENT,
}

NOT_FOUND = "OBJECT_NOT_FOUND"
_GONE = (Outcome.APPLIED, "no_contact", "HubSpot has no such contact")

_DAILY = Verdict(
    Action.REFUSE,
    "daily_limit",
    "the account's calls of today are used up",
    fix="Run again tomorrow, or raise the plan.",
)


class HubSpotSettings(Settings):
    """A HubSpot account."""

    base_url: str = "https://api.hubapi.com"
    access_token: SecretStr


class HubSpot(Destination):
    """One HubSpot account."""

    name: ClassVar[str] = "hubspot"
    label: ClassVar[str] = "HubSpot"
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = date(2027, 9, 30)
    documentation: ClassVar[str] = "HubSpot API reference 2026-03, Contacts, read on 2026-11-21"
    settings_class: ClassVar[type[Settings]] = HubSpotSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({KEY}),
            columns=frozenset({KEY, "phone", "mobilephone"}),
            required=frozenset({KEY}),
            identifiers={KEY: "email", "phone": "phone", "mobilephone": "phone"},
            limits={Op.ADD: _CALLS, Op.CHANGE: _CALLS, Op.REMOVE: _CALLS},
            removal_empties=OURS,
            removal=f"The properties of the feed that begin with {OURS} are emptied; all else of the contact stays.",
        )
    }

    @classmethod
    def headers(cls, settings: HubSpotSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {settings.access_token.get_secret_value()}", "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Read one contact, to prove that the token works and may see contacts."""
        answer = self._call("GET", CONTACTS, params={"limit": "1"})
        _refuse_unless_done(answer, ())

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body."""
        one = clear_input("0" * 20, ours([row]), 99) if row.op is Op.REMOVE else upsert_input(row, 99)
        return len(encode(one)) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Upsert a batch, or empty what earlier upserts wrote."""
        if op is Op.REMOVE:
            return self._remove(rows)
        inputs = [upsert_input(row, place) for place, row in enumerate(rows)]
        answer = self._call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
        _refuse_unless_done(answer, {column for row in rows for column in row.payload})
        return map_batch([row.key for row in rows], answer.body)

    def _remove(self, rows: Sequence[Row]) -> list[RowResult]:
        columns = ours(rows)
        if not columns:
            return same_result(rows, Outcome.APPLIED, "no_columns", f"the feed has no property of {OURS}")
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        unknown = [row for row in rows if row.key not in ids]
        if unknown:
            ids |= self._look_up(unknown)
        cleared = {result.key: result for result in self._clear(list(dict.fromkeys(ids.values())), columns)}
        return [
            cleared[ids[row.key]]._replace(key=row.key) if row.key in ids else RowResult(row.key, *_GONE)
            for row in rows
        ]

    def _clear(self, ids: Sequence[str], columns: Sequence[str]) -> list[RowResult]:
        """Empty columns of contacts; return one result per id."""
        if not ids or not columns:
            return [RowResult(contact_id, Outcome.APPLIED) for contact_id in ids]
        inputs = [clear_input(contact_id, columns, place) for place, contact_id in enumerate(ids)]
        answer = self._call("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})
        # A property that somebody deleted from HubSpot is as empty as it can be; the others still have to be emptied.
        lacking = _lacking(answer, columns)
        if lacking:
            return self._clear(ids, [column for column in columns if column not in lacking])
        _refuse_unless_done(answer, columns)
        results = map_batch(ids, answer.body)
        return [RowResult(result.key, *_GONE) if result.code == NOT_FOUND else result for result in results]

    def _look_up(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return the contact ids of rows by their key."""
        body = {"idProperty": KEY, "properties": [KEY, OTHER_EMAILS], "inputs": [{"id": row.key} for row in rows]}
        answer = self._call("POST", f"{CONTACTS}/batch/read", body)
        _refuse_unless_done(answer, ())
        keys = {row.key.lower(): row.key for row in rows}
        return {
            keys[email]: str(result["id"])
            for result in answer.body.get("results") or []
            for email in _emails(result)
            if email in keys
        }

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        # Every call may be repeated: an upsert writes the same values, what is empty stays empty.
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket="crm", pace=_CALLS, classify=classify
        )


def classify(response: Response) -> Verdict:
    """Judge an answer by its status, but for the daily limit, which no waiting within a run brings back."""
    if response.status == 429 and response.body.get("policyName") == "DAILY":
        return _DAILY
    return by_status(response)


def upsert_input(row: Row, place: int) -> dict[str, Any]:
    """Return one input of an upsert; its place in the batch is what the answer refers back to.

    An empty value is left out, so that it does not wipe what a salesperson typed, unless the row once sent a value
    there: then it is cleared, with the empty text that HubSpot asks for.
    """
    properties = {
        column: "" if value is None else _text(value)
        for column, value in row.payload.items()
        if value is not None or column in row.changed
    }
    return {"id": row.key, "idProperty": KEY, "objectWriteTraceId": str(place), "properties": properties}


def ours(rows: Sequence[Row]) -> list[str]:
    """Return the columns of rows that nobody but a sync fills, by their prefix."""
    return sorted({column for row in rows for column in row.payload if column.startswith(OURS)})


def clear_input(contact_id: str, columns: Sequence[str], place: int) -> dict[str, Any]:
    """Return one input of an update that empties columns of a contact."""
    return {"id": contact_id, "objectWriteTraceId": str(place), "properties": dict.fromkeys(columns, "")}


def map_batch(ids: Sequence[str], body: Mapping[str, Any]) -> list[RowResult]:
    """Return one result per input of an answered batch, with the input's id for a key.

    The order of the answer's results is not promised, so they are matched by trace id, record id or address.

    Raises:
        BatchRefused: Some input failed and the answer does not say which.
    """
    places = {str(place): sent for place, sent in enumerate(ids)}
    by_id = {sent.lower(): sent for sent in ids}
    results: dict[str, RowResult] = {}
    for result in body.get("results") or []:
        names = (str(result.get("id", "")), *_emails(result))
        traced = places.get(str(result.get("objectWriteTraceId")))
        key = traced or next((by_id[name] for name in names if name in by_id), None)
        if key is not None:
            results[key] = RowResult(key, Outcome.APPLIED, destination_id=str(result["id"]) if "id" in result else None)
    unnamed = []
    for error in body.get("errors") or []:
        keys = _named(error, {"objectWriteTraceId": places, "ids": by_id, "id": by_id, KEY: by_id})
        results |= {key: _refusal(key, error) for key in keys}
        if not keys:
            unnamed.append(error)
    silent = [sent for sent in ids if sent not in results]
    if unnamed and len(silent) == 1:
        results[silent[0]] = _refusal(silent[0], unnamed[0])
    elif unnamed and silent:
        raise BatchRefused(_category(unnamed[0]), "HubSpot refused some contacts of the batch without naming them")
    quiet = (Outcome.TRANSIENT, "no_answer", "HubSpot's answer does not mention the contact")
    return [results.get(sent) or RowResult(sent, *quiet) for sent in ids]


def _named(error: Mapping[str, Any], known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the keys of the rows that an error's context names."""
    context = error.get("context") or {}
    keys = []
    for field, names in known.items():
        values = context.get(field) or []
        for value in values if isinstance(values, list) else [values]:
            key = names.get(str(value)) or names.get(str(value).lower())
            if key is not None:
                keys.append(key)
    return keys


def _refusal(key: str, error: Mapping[str, Any]) -> RowResult:
    category = _category(error)
    return RowResult(key, CATEGORIES.get(category, Outcome.PERMANENT), category, "HubSpot refused the contact")


def _category(error: Mapping[str, Any]) -> str:
    return str(error.get("category") or "ERROR")


def _emails(result: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a contact: after a merge it has more than one, and is found by any of them."""
    properties = result.get("properties") or {}
    texts = [str(properties.get(KEY) or ""), *str(properties.get(OTHER_EMAILS) or "").split(";")]
    return [text.strip().lower() for text in texts if text.strip()]


def _text(value: Any) -> str:
    """Return a value as HubSpot's properties, which are all texts, spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else encode(value).decode()


def _lacking(answer: Response, columns: Collection[str]) -> list[str] | None:
    """Return the columns that HubSpot says it has no property for; ``None`` where that is not what it says."""
    codes = {str(error.get("code")) for error in answer.body.get("errors") or []}
    message = str(answer.body.get("message", ""))
    if answer.status < 300 or ("PROPERTY_DOESNT_EXIST" not in codes and "PROPERTY_DOESNT_EXIST" not in message):
        return None
    return sorted(column for column in columns if f'"{column}"' in message)


def _refuse_unless_done(answer: Response, columns: Collection[str]) -> None:
    """Raise unless the answer is a success.

    A property that HubSpot does not have would refuse every row, so it stops the run instead of quarantining them all.
    """
    if answer.status < 300:
        return
    lacking = _lacking(answer, columns)
    if lacking is not None:
        raise DestinationRefused(
            "HubSpot's contacts lack a property that the feed has a column for.",
            where=f"feed column {', '.join(lacking)}" if lacking else "the feed's columns",
            fix="Create the property in HubSpot with that internal name, or leave the column out of the feed.",
        )
    if answer.status == 404:
        raise DestinationRefused(
            "HubSpot does not know the address of contacts.",
            where="connections.yml, field base_url",
            fix=f"Use https://api.hubapi.com, and check that version {VERSION} is still answered.",
        )
    raise BatchRefused(_category(answer.body), "HubSpot refused the batch")
