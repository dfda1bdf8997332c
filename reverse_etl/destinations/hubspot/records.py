"""HubSpot's records of one type as addresses to call: written, found and counted, without knowing of rows or policies.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reverse_etl.answers import Action, Classify, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import inside, objects
from reverse_etl.destinations.hubspot.payloads import (
    OTHER_NAMES,
    category,
    map_batch,
    names_of,
    searches,
    spelled,
)
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Outcome, RowResult

VERSION = "2026-03"

#: The pace of the smallest plan, 100 calls in 10 seconds; larger accounts are told more by their own headers.
CALLS = Limits(rows=100, bytes=5_000_000, calls_per_second=10, burst=10)
SEARCHES = Limits(rows=1, bytes=5_000_000, calls_per_second=5, burst=5)
FOUND = 100  #: results of one page of a search, and values of one filter
SEARCH_CHARACTERS = 2_500  #: of the values in a search, whose whole body may have 3,000

_DAILY = Verdict(
    Action.REFUSE,
    "daily_limit",
    "the account's calls of today are used up",
    fix="Run again tomorrow, or raise the plan.",
)


class Records:
    """The records of one type in one account.

    Args:
        http: Calls the account.
        kind: The type as addresses name it, such as ``contacts``.
    """

    def __init__(self, http: HttpClient, kind: str) -> None:
        self.http = http
        self.kind = kind
        self.address = f"/crm/objects/{VERSION}/{kind}"

    def check(self) -> None:
        """Read one record, to prove that the token works and may see such records."""
        self.done(self.call("GET", self.address, params={"limit": "1"}))

    def upsert(self, inputs: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        """Create or update records by a unique property; return one result per input, under its name."""
        answer = self.call("POST", f"{self.address}/batch/upsert", {"inputs": inputs})
        self.done(answer, _columns(inputs))
        by = str(inputs[0].get("idProperty") or "")
        return map_batch([str(one["id"]) for one in inputs], answer.body, by)

    def create(self, inputs: Sequence[Mapping[str, Any]], by: str) -> list[RowResult]:
        """Create records, which a second call would create again; return one result per input, under its name.

        Args:
            inputs: As for an upsert.
            by: The property that the names are values of.
        """
        bare = [{key: value for key, value in one.items() if key not in ("id", "idProperty")} for one in inputs]
        answer = self.call("POST", f"{self.address}/batch/create", {"inputs": bare}, idempotent=False)
        self.done(answer, _columns(inputs))
        return map_batch([str(one["id"]) for one in inputs], answer.body, by)

    def update(self, inputs: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        """Update records that are there; return one result per input, under its name."""
        if not inputs:
            return []
        answer = self.call("POST", f"{self.address}/batch/update", {"inputs": inputs})
        self.done(answer, _columns(inputs))
        return map_batch([str(one["id"]) for one in inputs], answer.body, str(inputs[0].get("idProperty") or ""))

    def clear(self, ids: Sequence[str], columns: Sequence[str]) -> list[RowResult]:
        """Empty columns of records; return one result per id.

        A property that somebody deleted from HubSpot is as empty as it can be; the others still have to be emptied.
        """
        if not ids:
            return []
        empty = dict.fromkeys(columns, "")
        inputs = [{"id": one, "objectWriteTraceId": str(place), "properties": empty} for place, one in enumerate(ids)]
        answer = self.call("POST", f"{self.address}/batch/update", {"inputs": inputs})
        lacking = _lacking(answer, columns)
        if lacking:
            left = [column for column in columns if column not in lacking]
            return self.clear(ids, left) if left else [RowResult(one, Outcome.APPLIED) for one in ids]
        self.done(answer, columns)
        return map_batch(ids, answer.body)

    def read(self, names: Sequence[str], by: str | None, columns: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the records that there are of those named, by the name that was asked for.

        Args:
            names: Ids or values of a unique property, a hundred at most.
            by: The property that they are values of; none for ids.
            columns: Further properties to read.
        """
        if not names:
            return {}
        found_by = {"idProperty": by} if by else {}
        inputs = [{"id": name} for name in names]
        shown = [by, *OTHER_NAMES.get(by, ())] if by else []
        body = {**found_by, "properties": [*dict.fromkeys([*shown, *columns])], "inputs": inputs}
        answer = self.call("POST", f"{self.address}/batch/read", body)
        self.done(answer)
        return _named(names, by, objects(answer.body.get("results")))

    def search(self, names: Sequence[str], by: str, columns: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the records with these values of a property that is not unique, the oldest of several, by the value.

        HubSpot's search lags behind its writes, by seconds or more.
        """
        found: list[dict[str, Any]] = []
        for some in in_searches(names):
            filters = [{"propertyName": by, "operator": "IN", "values": [spelled(by, name) for name in some]}]
            shown = [by, *OTHER_NAMES.get(by, ()), *columns]
            body = {"filterGroups": [{"filters": filters}], "properties": shown, "limit": FOUND, "after": "0"}
            while body["after"]:
                answer = self.call("POST", f"{self.address}/search", body, bucket="search", pace=SEARCHES)
                self.done(answer)
                found += objects(answer.body.get("results"))
                body["after"] = str(inside(inside(answer.body.get("paging")).get("next")).get("after") or "")
        found.sort(key=lambda one: (len(str(one.get("id"))), str(one.get("id"))), reverse=True)
        return _named(names, by, found)

    def properties(self) -> dict[str, dict[str, Any]] | None:
        """Return what the records' properties are, by name; ``None`` where the token may not read that."""
        answer = self.call("GET", f"/crm/properties/{VERSION}/{self.kind}", classify=_classify_permission)
        if answer.status == 403:
            return None
        self.done(answer)
        return {str(found.get("name")): found for found in objects(answer.body.get("results"))}

    def totals(self, columns: Sequence[str]) -> list[int] | None:
        """Return how many records have any of these properties, of as many at a time as a search can take.

        ``None`` where an answer names no number.
        """
        totals = []
        for body in searches(columns):
            answer = self.call("POST", f"{self.address}/search", body, bucket="search", pace=SEARCHES)
            self.done(answer)
            total = answer.body.get("total")
            if not isinstance(total, int):
                return None
            totals.append(total)
        return totals

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        bucket: str = "crm",
        pace: Limits = CALLS,
        idempotent: bool = True,
        classify: Classify | None = None,
    ) -> Response:
        """Call the account; return the answer, a refusal included.

        Nearly every call may be repeated: an upsert writes the same values, what is empty stays empty, and a merge
        that was done is refused the second time.
        """
        return self.http.request(
            method,
            path,
            json=body,
            params=params,
            idempotent=idempotent,
            bucket=bucket,
            pace=pace,
            classify=classify or judge,
        )

    def done(self, answer: Response, columns: Collection[str] = ()) -> None:
        """Raise unless the answer is a success.

        A property that HubSpot does not have would refuse every row, so it stops the run instead of quarantining them.
        """
        if answer.status < 300:
            return
        lacking = _lacking(answer, columns)
        if lacking is not None:
            raise lacks(self.kind, lacking)
        if answer.status == 404:
            raise DestinationRefused(
                f"HubSpot does not know the address of {self.kind}.",
                where="connections.yml, field base_url",
                fix=f"Use https://api.hubapi.com, and check that version {VERSION} is still answered.",
            )
        raise BatchRefused(category(answer.body), "HubSpot refused the batch")


def lacks(kind: str, columns: Sequence[str]) -> DestinationRefused:
    """Return the error of columns that HubSpot has no property for."""
    return DestinationRefused(
        f"HubSpot's {kind} lack a property that the feed has a column for.",
        where=f"feed column {', '.join(columns)}" if columns else "the feed's columns",
        fix="Create the property in HubSpot with that internal name, or leave the column out of the feed.",
    )


def in_searches(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names by as many as one search takes: a hundred values, and 3,000 characters of body."""
    some: list[str] = []
    used = 0
    for name in names:
        cost = len(encode(name)) + 1
        if some and (len(some) == FOUND or used + cost > SEARCH_CHARACTERS):
            yield some
            some, used = [], 0
        some.append(name)
        used += cost
    if some:
        yield some


def _named(names: Sequence[str], by: str | None, found: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return records by the names that were asked for; of several with one name, the last."""
    asked = {spelled(by, name): name for name in names}
    return {asked[name]: one for one in found if "id" in one for name in names_of(one, by) if name in asked}


def _classify_permission(response: Response) -> Verdict:
    """Let a missing permission be an answer: what the call asks for is not needed for sending."""
    return Verdict(Action.ANSWER) if response.status == 403 else judge(response)


def judge(response: Response) -> Verdict:
    """Judge an answer by its status, but for the daily limit, which no waiting within a run brings back."""
    if response.status == 429 and response.body.get("policyName") == "DAILY":
        return _DAILY
    return by_status(response)


def filled(found: Mapping[str, Any], columns: Collection[str]) -> set[str]:
    """Return which of these properties of a record hold a value."""
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
