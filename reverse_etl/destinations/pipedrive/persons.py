"""Pipedrive's persons: found by their addresses, made, written to and emptied, one by one.

Pipedrive has no call that writes to several persons, nor one that makes a person unless it is there, and it takes two
with the same address. So a person is searched for first, and a call that makes one is never repeated by itself.

Sources as in :mod:`reverse_etl.destinations.pipedrive.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Delivery, Limits, Mode, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import inside, objects, result
from reverse_etl.destinations.pipedrive.fields import TAKEN, Field, by_column
from reverse_etl.destinations.pipedrive.payloads import (
    CODES,
    EMAIL,
    NO_PERSON,
    NOT_FOUND,
    OURS,
    PHONE,
    SEVERAL,
    STANDARD,
    UNFIT,
    code_of,
    created,
    found_ids,
    person,
    with_phone,
)
from reverse_etl.destinations.policies import ALL, conditional, written
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

PERSONS = "/api/v2/persons"

#: The pace of the smallest plan with an API token, 20 calls in two seconds; the headers tell of more.
CALLS = Limits(rows=1, bytes=1_000_000, calls_per_second=10, burst=20)
SEARCHES = Limits(rows=1, bytes=1_000_000, calls_per_second=5, burst=10)

PERSON = ObjectSpec(
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
    keys=frozenset({EMAIL}),
    columns=STANDARD,
    required=frozenset({EMAIL}),
    identifiers={EMAIL: "email", PHONE: "phone"},
    # A new person takes a search and a call, of which the search is the slower; who is known by id takes one call.
    limits={Op.ADD: SEARCHES, Op.CHANGE: CALLS, Op.REMOVE: CALLS},
    row_errors=RowErrors.WHOLE,
    refused_columns=frozenset({"marketing_status"}),
    removal_empties=OURS,
    removal=f"The fields of the feed that begin with {OURS} are emptied; all else of the person stays.",
    nulls=ALL,
    sends_changes=True,
    concurrency=10,
)


class Persons:
    """The persons of one account."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    @cached_property
    def fields(self) -> Mapping[str, Sequence[Field]]:
        """The fields of one's own, by the columns that they can be filled from."""
        told: list[dict[str, Any]] = []
        query = {"limit": "500"}
        while True:
            answer = self._call("GET", "/api/v2/personFields", params=query)
            if answer.status >= 300:
                raise DestinationRefused(
                    f"Pipedrive's fields of persons could not be read ({code_of(answer)}).",
                    where="connections.yml, field base_url",
                    fix="Use https://api.pipedrive.com, or the company's own address.",
                )
            told += objects(answer.body.get("data"))
            cursor = inside(answer.body.get("additional_data")).get("next_cursor")
            if not cursor:
                return by_column(told)
            query["cursor"] = str(cursor)

    def check(self, delivery: Delivery) -> None:
        """Read the fields, to prove that the token works and that there are those that the feed fills."""
        fields = self.fields
        own = sorted(delivery.fields - STANDARD)
        lacking = [name for name in own if name not in fields]
        if lacking:
            raise DestinationRefused(
                "Pipedrive's persons lack a field that the feed has a column for.",
                where=f"feed column {', '.join(lacking)}",
                fix="Create a field of that name in Pipedrive (“Weft tier” for weft_tier), or leave the column out.",
            )
        unclear = [name for name in own if len(fields[name]) > 1 or fields[name][0].kind not in TAKEN]
        if unclear:
            raise DestinationRefused(
                "A field of Pipedrive's persons cannot be filled, for its type, or because another has the same name.",
                where=f"feed column {', '.join(unclear)}",
                fix=f"Use a field of its own, of one of the types {', '.join(sorted(TAKEN))}.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return len(encode(row.payload)) + 100 + 60 * len(row.payload)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write rows to their persons, or empty what earlier runs wrote."""
        return [self._remove(row) if op is Op.REMOVE else self._fit(delivery, row) for row in rows]

    def _fit(self, delivery: Delivery, row: Row) -> RowResult:
        try:
            return self._write(delivery, row)
        except ValueError:  # a value does not fit its field
            return result(CODES, row.key, UNFIT)

    def _write(self, delivery: Delivery, row: Row) -> RowResult:
        if row.destination_id and row.op is Op.CHANGE:
            found = self._update(delivery, row, row.destination_id, whole=False)
            if found is not None:
                return found
        ids = self._find(row.key)
        if len(ids) > 1:
            return result(CODES, row.key, SEVERAL)
        if ids:
            return self._update(delivery, row, ids[0], whole=True) or result(CODES, row.key, NOT_FOUND)
        if delivery.mode is Mode.UPDATE:
            return result(CODES, row.key, NOT_FOUND)
        answer = self._call("POST", PERSONS, created(written(delivery, row), self._fields()), idempotent=False)
        _done(answer, "the person was not made")
        person_id = inside(answer.body.get("data")).get("id")
        return RowResult(row.key, Outcome.APPLIED, destination_id=str(person_id) if person_id else None)

    def _update(self, delivery: Delivery, row: Row, person_id: str, *, whole: bool) -> RowResult | None:
        """Write to a person that is there; return ``None`` where it is no more."""
        fields = self._fields()
        columns = conditional(delivery, [row])
        there = self._read(person_id) if columns else {}
        if there is None:
            return None
        values = written(delivery, row, filled=_filled(there, columns, fields), whole=whole)
        body = person(values, fields)
        if values.get(PHONE):
            there = there or self._read(person_id)
            if there is None:
                return None
            phones = with_phone(str(values[PHONE]), there.get("phones"))
            body |= {"phones": phones} if phones is not None else {}
        return self._patch(row.key, person_id, body) if body else result(CODES, row.key, "nothing_to_write", person_id)

    def _remove(self, row: Row) -> RowResult:
        fields = self._fields()
        # A field that somebody deleted from Pipedrive is as empty as it can be.
        codes = [fields[name].code for name in sorted(row.payload) if name.startswith(OURS) and name in fields]
        if not codes:
            return result(CODES, row.key, "no_columns")
        body = {"custom_fields": dict.fromkeys(codes)}
        emptied = self._patch(row.key, row.destination_id, body) if row.destination_id else None
        if emptied is not None:
            return emptied
        found = [self._patch(row.key, person_id, body) for person_id in self._find(row.key)]
        return next((one for one in found if one is not None), result(CODES, row.key, NO_PERSON))

    def _patch(self, key: str, person_id: str, body: Mapping[str, Any]) -> RowResult | None:
        answer = self._call("PATCH", _one(person_id), body)
        if answer.status == 404:
            return None
        _done(answer, "the person was not written")
        return RowResult(key, Outcome.APPLIED, destination_id=person_id)

    def _read(self, person_id: str) -> dict[str, Any] | None:
        """Return a person; ``None`` where it is no more."""
        answer = self._call("GET", _one(person_id))
        if answer.status == 404:
            return None
        _done(answer, "the person could not be read")
        return inside(answer.body.get("data"))

    def _find(self, email: str) -> list[str]:
        """Return the ids of the persons with an address. It is in the query, which no message shows."""
        query = {"term": email, "fields": "email", "exact_match": "true", "limit": "10"}
        answer = self._call("GET", f"{PERSONS}/search", params=query, bucket="search", pace=SEARCHES)
        _done(answer, "the persons could not be searched")
        return found_ids(answer, email)

    def _fields(self) -> dict[str, Field]:
        return {name: found[0] for name, found in self.fields.items() if len(found) == 1}

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        idempotent: bool = True,
        bucket: str = "calls",
        pace: Limits = CALLS,
    ) -> Response:
        return self.http.request(
            method, path, json=body, params=params, idempotent=idempotent, bucket=bucket, pace=pace, classify=_classify
        )


_DAILY = Verdict(
    Action.REFUSE,
    "daily_budget",
    "the tokens that the company has for a day are used up",
    fix="Run again tomorrow, or buy more tokens. A new person costs 25 of them, a change of a known one 5.",
)
_FORBIDDEN = Verdict(
    Action.REFUSE,
    "403",
    "Pipedrive does not allow the call",
    fix="Give the app the scope contacts:full, or the user the right to edit persons. After many calls over the limit"
    " Pipedrive refuses all for a while: then wait.",
)
#: What is left of the day, by the newer and the older name.
_LEFT = ("x-daily-ratelimit-token-remaining", "x-daily-requests-left")


def _classify(response: Response) -> Verdict:
    """Judge an answer by its status, but for the day's budget, which no waiting within a run brings back."""
    if response.status == 429 and any(response.headers.get(name) == "0" for name in _LEFT):
        return _DAILY
    return _FORBIDDEN if response.status == 403 else by_status(response)


def _one(person_id: str) -> str:
    return f"{PERSONS}/{quote(person_id, safe='')}"


def _done(answer: Response, what: str) -> None:
    if answer.status >= 300:
        raise BatchRefused(code_of(answer), f"Pipedrive said no: {what}")


def _filled(there: Mapping[str, Any], columns: Sequence[str], fields: Mapping[str, Field]) -> set[str]:
    """Return which of these columns hold a value in a person."""
    custom = inside(there.get("custom_fields"))
    values = {name: custom.get(fields[name].code) if name in fields else there.get(name) for name in columns}
    values |= {PHONE: there.get("phones")} if PHONE in values else {}
    return {name for name, value in values.items() if value not in (None, "", [])}
