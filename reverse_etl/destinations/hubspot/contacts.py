"""HubSpot's contacts as addresses to call: written, found, counted and merged, without knowing of rows or policies.

Sources as in :mod:`reverse_etl.destinations.hubspot`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import inside, objects
from reverse_etl.destinations.hubspot.payloads import (
    KEY,
    OTHER_EMAILS,
    OURS,
    category,
    map_batch,
    names_of,
    searches,
)
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient
from reverse_etl.rows import Outcome, RowResult

VERSION = "2026-03"
CONTACTS = f"/crm/objects/{VERSION}/contacts"
PROPERTIES = f"/crm/properties/{VERSION}/contacts"

#: The pace of the smallest plan, 100 calls in 10 seconds; larger accounts are told more by their own headers.
CALLS = Limits(rows=100, bytes=5_000_000, calls_per_second=10, burst=10)
SEARCHES = Limits(rows=1, bytes=5_000_000, calls_per_second=5, burst=5)

_DAILY = Verdict(
    Action.REFUSE,
    "daily_limit",
    "the account's calls of today are used up",
    fix="Run again tomorrow, or raise the plan.",
)


class Contacts:
    """The contacts of one account."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def check(self) -> None:
        """Read one contact, to prove that the token works and may see contacts."""
        refuse_unless_done(self._call("GET", CONTACTS, params={"limit": "1"}))

    def upsert(self, inputs: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        """Create or update contacts by their address; return one result per input, under its name."""
        answer = self._call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
        refuse_unless_done(answer, _columns(inputs))
        return map_batch([str(one["id"]) for one in inputs], answer.body)

    def update(self, inputs: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        """Update contacts that are there; return one result per input, under its name."""
        if not inputs:
            return []
        answer = self._call("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})
        refuse_unless_done(answer, _columns(inputs))
        return map_batch([str(one["id"]) for one in inputs], answer.body)

    def clear(self, ids: Sequence[str], columns: Sequence[str]) -> list[RowResult]:
        """Empty columns of contacts; return one result per id.

        A property that somebody deleted from HubSpot is as empty as it can be; the others still have to be emptied.
        """
        if not ids:
            return []
        empty = dict.fromkeys(columns, "")
        inputs = [{"id": one, "objectWriteTraceId": str(place), "properties": empty} for place, one in enumerate(ids)]
        answer = self._call("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})
        lacking = _lacking(answer, columns)
        if lacking:
            left = [column for column in columns if column not in lacking]
            return self.clear(ids, left) if left else [RowResult(one, Outcome.APPLIED) for one in ids]
        refuse_unless_done(answer, columns)
        return map_batch(ids, answer.body)

    def read(self, names: Sequence[str], by: str | None, columns: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the contacts that there are of those named, by the name that was asked for.

        Args:
            names: Ids or addresses, a hundred at most.
            by: The property that they are values of; none for ids.
            columns: Further properties to read.
        """
        if not names:
            return {}
        found_by = {"idProperty": by} if by else {}
        inputs = [{"id": name} for name in names]
        body = {**found_by, "properties": [KEY, OTHER_EMAILS, *columns], "inputs": inputs}
        answer = self._call("POST", f"{CONTACTS}/batch/read", body)
        refuse_unless_done(answer)
        asked = {name.lower(): name for name in names}
        return {
            asked[name]: found
            for found in objects(answer.body.get("results"))
            if "id" in found
            for name in names_of(found)
            if name in asked
        }

    def ids(self, emails: Sequence[str]) -> dict[str, str]:
        """Return the contact ids of addresses, by the address."""
        return {email: str(found["id"]) for email, found in self.read(emails, KEY).items()}

    def merge(self, loser: str, into: str) -> Response:
        """Fold one contact into another, for good; return the answer, a refusal included."""
        return self._call("POST", f"{CONTACTS}/merge", {"primaryObjectId": into, "objectIdToMerge": loser})

    def our_properties(self) -> list[str]:
        """Return the properties of contacts that begin with our prefix."""
        answer = self._call("GET", PROPERTIES)
        refuse_unless_done(answer)
        names = (str(found.get("name")) for found in objects(answer.body.get("results")))
        return sorted(name for name in names if name.startswith(OURS))

    def totals(self, columns: Sequence[str]) -> list[int] | None:
        """Return how many contacts have any of these properties, of as many at a time as a search can take.

        ``None`` where an answer names no number.
        """
        totals = []
        for body in searches(columns):
            answer = self._call("POST", f"{CONTACTS}/search", body, bucket="search", pace=SEARCHES)
            refuse_unless_done(answer)
            total = answer.body.get("total")
            if not isinstance(total, int):
                return None
            totals.append(total)
        return totals

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        bucket: str = "crm",
        pace: Limits = CALLS,
    ) -> Response:
        # Every call may be repeated: an upsert writes the same values, what is empty stays empty, and a merge that
        # was done is refused the second time.
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket=bucket, pace=pace, classify=classify
        )


def classify(response: Response) -> Verdict:
    """Judge an answer by its status, but for the daily limit, which no waiting within a run brings back."""
    if response.status == 429 and response.body.get("policyName") == "DAILY":
        return _DAILY
    return by_status(response)


def filled(found: Mapping[str, Any], columns: Collection[str]) -> set[str]:
    """Return which of these properties of a contact hold a value."""
    properties = inside(found.get("properties"))
    return {column for column in columns if properties.get(column) not in (None, "")}


def _columns(inputs: Sequence[Mapping[str, Any]]) -> set[str]:
    return {column for one in inputs for column in one["properties"]}


def _lacking(answer: Response, columns: Collection[str]) -> list[str] | None:
    """Return the columns that HubSpot says it has no property for; ``None`` where that is not what it says."""
    codes = {str(error.get("code")) for error in objects(answer.body.get("errors"))}
    message = str(answer.body.get("message", ""))
    if answer.status < 300 or ("PROPERTY_DOESNT_EXIST" not in codes and "PROPERTY_DOESNT_EXIST" not in message):
        return None
    return sorted(column for column in columns if f'"{column}"' in message)


def refuse_unless_done(answer: Response, columns: Collection[str] = ()) -> None:
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
    raise BatchRefused(category(answer.body), "HubSpot refused the batch")
