"""HubSpot: contacts, created, updated and archived a hundred at a time.

Written from the pages "Upsert a batch of contacts", "Archive a batch of contacts" and "Read a batch of contacts" of
HubSpot's API reference 2026-03 and the guide "Contacts", read on 2026-11-21. A date version is supported for 18 months
after its release (page "Developer platform and API versioning", read on 2026-11-21).

The guide says that partial upserts are not supported where the e-mail address identifies the contact, so every column
is sent, whichever of them changed. A removal archives the contact, which can be undone in HubSpot for 90 days. The
permanent ``gdpr-delete``, which also blocks an address for ever, is not part of this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Destination, Limits, Mode, ObjectSpec, Settings
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

VERSION = "2026-03"
CONTACTS = f"/crm/objects/{VERSION}/contacts"
KEY = "email"
OTHER_EMAILS = "hs_additional_emails"

#: The pace of the smallest plan, 100 calls in 10 seconds; larger accounts are told more by their own headers.
_CALLS = Limits(rows=100, bytes=5_000_000, calls_per_second=10, burst=10)

#: What an error of one row means; a category that is not listed is the row's own fault.
CATEGORIES: Mapping[str, Outcome] = {
    "INTERNAL_ERROR": Outcome.TRANSIENT,
    "RATE_LIMITS": Outcome.TRANSIENT,
    "TIMEOUT": Outcome.TRANSIENT,
    "SERVICE_UNAVAILABLE": Outcome.TRANSIENT,
}

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
            columns=frozenset({KEY, "firstname", "lastname", "phone", "jobtitle", "company", "lifecyclestage"}),
            required=frozenset({KEY}),
            identifiers={KEY: "email", "phone": "phone", "mobilephone": "phone"},
            limits={Op.ADD: _CALLS, Op.CHANGE: _CALLS, Op.REMOVE: _CALLS},
            removal="The contact is archived; HubSpot can restore it for 90 days.",
        )
    }

    @classmethod
    def headers(cls, settings: HubSpotSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {settings.access_token.get_secret_value()}", "Accept": "application/json"}

    def check(self, object_name: str, target: str | None) -> None:
        """Read one contact, to prove that the token works and may see contacts."""
        answer = self._call("GET", CONTACTS, params={"limit": "1"})
        _refuse_unless_done(answer, ())

    def size(self, object_name: str, row: Row) -> int:
        """Return the bytes that a row adds to a body."""
        return len(encode({"id": "0" * 20} if row.op is Op.REMOVE else upsert_input(row, 99))) + 1

    def send(self, object_name: str, target: str | None, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Upsert a batch, or archive it."""
        if op is Op.REMOVE:
            return self._archive(rows)
        inputs = [upsert_input(row, place) for place, row in enumerate(rows)]
        answer = self._call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
        _refuse_unless_done(answer, rows)
        return map_upsert(rows, answer.body)

    def _archive(self, rows: Sequence[Row]) -> list[RowResult]:
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        unknown = [row for row in rows if row.key not in ids]
        if unknown:
            ids |= self._look_up(unknown)
        refused: dict[str, RowResult] = {}
        if ids:
            inputs = [{"id": contact_id} for contact_id in dict.fromkeys(ids.values())]
            answer = self._call("POST", f"{CONTACTS}/batch/archive", {"inputs": inputs})
            _refuse_unless_done(answer, rows)
            refused = map_archive(ids, answer.body)
        gone = ("no_contact", "HubSpot has no such contact")
        return [
            refused.get(row.key) or RowResult(row.key, Outcome.APPLIED, destination_id=ids[row.key])
            if row.key in ids
            else RowResult(row.key, Outcome.APPLIED, *gone)
            for row in rows
        ]

    def _look_up(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return the contact ids of rows by their key."""
        body = {"idProperty": KEY, "properties": [KEY, OTHER_EMAILS], "inputs": [{"id": row.key} for row in rows]}
        answer = self._call("POST", f"{CONTACTS}/batch/read", body)
        _refuse_unless_done(answer, rows)
        keys = {row.key.lower(): row.key for row in rows}
        return {
            keys[email]: str(result["id"])
            for result in answer.body.get("results") or []
            for email in _emails(result)
            if email in keys
        }

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        # Every call may be repeated: an upsert writes the same values, an archived contact stays archived.
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


def map_upsert(rows: Sequence[Row], body: Mapping[str, Any]) -> list[RowResult]:
    """Return one result per row of an answered upsert; the order of the answer's results is not promised.

    Raises:
        BatchRefused: Some row failed and the answer does not say which.
    """
    places = {str(place): row.key for place, row in enumerate(rows)}
    emails = {row.key.lower(): row.key for row in rows}
    results: dict[str, RowResult] = {}
    for result in body.get("results") or []:
        traced = places.get(str(result.get("objectWriteTraceId")))
        key = traced or next((emails[email] for email in _emails(result) if email in emails), None)
        if key is not None:
            results[key] = RowResult(key, Outcome.APPLIED, destination_id=str(result["id"]) if "id" in result else None)
    unnamed = []
    for error in body.get("errors") or []:
        keys = _named(error, {"objectWriteTraceId": places, "ids": emails, "id": emails, KEY: emails})
        results |= {key: _refusal(key, error) for key in keys}
        if not keys:
            unnamed.append(error)
    silent = [row for row in rows if row.key not in results]
    if unnamed and len(silent) == 1:
        results[silent[0].key] = _refusal(silent[0].key, unnamed[0])
    elif unnamed and silent:
        raise BatchRefused(_category(unnamed[0]), "HubSpot refused some contacts of the batch without naming them")
    quiet = RowResult("", Outcome.TRANSIENT, "no_answer", "HubSpot's answer does not mention the contact")
    return [results.get(row.key) or RowResult(row.key, quiet.outcome, quiet.code, quiet.reason) for row in rows]


def map_archive(ids: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, RowResult]:
    """Return the rows, by key, that an answered archive call refused. A contact that is gone already is not one."""
    by_id = {contact_id: key for key, contact_id in ids.items()}
    refused: dict[str, RowResult] = {}
    for error in body.get("errors") or []:
        if _category(error) != "OBJECT_NOT_FOUND":
            named = _named(error, {"ids": by_id, "id": by_id})
            refused |= {key: _refusal(key, error) for key in named or by_id.values()}
    return refused


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


def _refuse_unless_done(answer: Response, rows: Sequence[Row]) -> None:
    """Raise unless the answer is a success.

    A property that HubSpot does not have would refuse every row, so it stops the run instead of quarantining them all.
    """
    if answer.status < 300:
        return
    message = str(answer.body.get("message", ""))
    codes = {str(error.get("code")) for error in answer.body.get("errors") or []}
    if "PROPERTY_DOESNT_EXIST" in codes or "PROPERTY_DOESNT_EXIST" in message:
        columns = sorted({column for row in rows for column in row.payload if f'"{column}"' in message})
        raise DestinationRefused(
            "HubSpot's contacts lack a property that the feed has a column for.",
            where=f"feed column {', '.join(columns)}" if columns else "the feed's columns",
            fix="Create the property in HubSpot with that internal name, or leave the column out of the feed.",
        )
    if answer.status == 404:
        raise DestinationRefused(
            "HubSpot does not know the address of contacts.",
            where="connections.yml, field base_url",
            fix=f"Use https://api.hubapi.com, and check that version {VERSION} is still answered.",
        )
    raise BatchRefused(_category(answer.body), "HubSpot refused the batch")
