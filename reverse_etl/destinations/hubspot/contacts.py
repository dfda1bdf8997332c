"""HubSpot's contacts: found by their addresses, and folded into others where a sync says so.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.destinations.base import Delivery, Limits, Mode, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import result
from reverse_etl.destinations.hubspot.payloads import CODES, EMAIL, NO_RECORD, OURS
from reverse_etl.destinations.hubspot.records import CALLS, Records, filled
from reverse_etl.destinations.hubspot.writing import MISSING, Writing
from reverse_etl.destinations.policies import ALL, merged_away
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Outcome, Row, RowResult

CONTACT = ObjectSpec(
    row_errors=RowErrors.BY_KEY,
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
    keys=frozenset({EMAIL}),
    columns=frozenset({EMAIL, "phone", "mobilephone"}),
    required=frozenset({EMAIL}),
    identifiers={EMAIL: "email", "phone": "phone", "mobilephone": "phone"},
    limits={
        Op.ADD: CALLS,
        Op.CHANGE: CALLS,
        Op.REMOVE: CALLS,
        Op.MERGE: Limits(rows=1, bytes=CALLS.bytes, calls_per_second=CALLS.calls_per_second, burst=CALLS.burst),
    },
    removal_empties=OURS,
    removal=f"The properties of the feed that begin with {OURS} are emptied; all else of the contact stays.",
    nulls=ALL,
    sends_changes=True,
    merges=True,
    counts=True,
    concurrency=10,  # a second's worth of the smallest plan's calls; no other limit on calls at a time is told
)


class Contacts(Writing):
    """The contacts of one account."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(Records(http, "contacts"))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch, empty what earlier ones wrote, or fold contacts into others."""
        if op is Op.MERGE:
            return [self._merge(delivery, row) for row in rows]
        return super().send(delivery, op, rows)

    def _merge(self, delivery: Delivery, row: Row) -> RowResult:
        """Fold the contact of one row into another, but for what the sync wrote and the other one has no value for."""
        columns = merged_away(delivery, row)
        loser, into = self._both(row, columns)
        if loser is None or into is None or loser["id"] == into["id"]:
            return _merged(row.key, loser, into)
        carried = filled(loser, columns) - filled(into, columns)
        for found in self.records.clear([str(loser["id"])], sorted(carried)) if carried else ():
            if found.outcome is not Outcome.APPLIED:
                return found._replace(key=row.key)
        body = {"primaryObjectId": str(into["id"]), "objectIdToMerge": str(loser["id"])}
        answer = self.records.call("POST", f"{self.records.address}/merge", body)
        if answer.status == 404:  # merged or deleted between the calls, or by this one, of which the first answer broke
            return _merged(row.key, *self._both(row, ()))
        self.records.done(answer)
        return RowResult(row.key, Outcome.APPLIED)

    def _both(self, row: Row, columns: Sequence[str]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the contact that is to be folded and the one that it is folded into, where they are there."""
        return self._find(row.key, row.destination_id, columns), self._find(row.into or "", row.into_id, columns)

    def _find(self, email: str, contact_id: str | None, columns: Sequence[str]) -> dict[str, Any] | None:
        """Return a contact by its address, else by the id that it was known by: a merge at HubSpot changes the id."""
        found = self.records.read([email], EMAIL, columns).get(email)
        if found is None and contact_id:
            found = self.records.read([contact_id], None, columns).get(contact_id)
        return found


def _merged(key: str, loser: Mapping[str, Any] | None, into: Mapping[str, Any] | None) -> RowResult:
    """Return the result of a row whose contact cannot be folded: it was already, or one of the two is not there."""
    if loser is None:
        return result(CODES, key, NO_RECORD)
    if into is None:
        return result(CODES, key, "no_survivor")
    return result(CODES, key, "already_merged" if loser["id"] == into["id"] else MISSING)
