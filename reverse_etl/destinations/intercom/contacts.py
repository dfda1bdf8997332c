"""Intercom's contacts: found, made, written to and emptied, one by one.

Intercom has no call that writes to several contacts, nor one that makes a contact unless it is there. So a contact is
searched for first. Its search does not know contacts that were made in the last minutes; then making it again is
refused with the id of the one in the way, which is written to instead.

Sources as in :mod:`reverse_etl.destinations.intercom.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Delivery, Limits, Mode, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import result
from reverse_etl.destinations.intercom.payloads import (
    ARCHIVED,
    CODES,
    EMAIL,
    KEYS,
    NO_CONTACT,
    NOT_FOUND,
    OURS,
    SEVERAL,
    STANDARD,
    canonical,
    contact,
    created,
    in_the_way,
)
from reverse_etl.destinations.intercom.workspace import CALLS, Workspace, done, one
from reverse_etl.destinations.policies import ALL, conditional, written
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

#: Two calls a row, one to find the contact and one to write to it; a contact whose id is known takes one.
ROWS = Limits(rows=1, bytes=CALLS.bytes, calls_per_second=CALLS.calls_per_second / 2, burst=CALLS.burst)

CONTACT = ObjectSpec(
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
    keys=frozenset(KEYS),
    columns=STANDARD,
    identifiers={EMAIL: "email", "phone": "phone", "external_id": "user_id"},
    limits={Op.ADD: ROWS, Op.CHANGE: ROWS, Op.REMOVE: ROWS},
    row_errors=RowErrors.WHOLE,
    refused_columns=frozenset({"unsubscribed_from_emails"}),
    removal_empties=OURS,
    removal=f"The attributes of the feed that begin with {OURS} are emptied; all else of the contact stays.",
    nulls=ALL,
    sends_changes=True,
    concurrency=10,
)


class Contacts:
    """The contacts of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that the workspace has the attributes that the feed fills."""
        self.workspace.check()
        lacking = sorted(delivery.fields - STANDARD - set(self.workspace.attributes)) if delivery.fields else []
        if lacking:
            raise DestinationRefused(
                "Intercom's contacts lack an attribute that the feed has a column for, or it is archived.",
                where=f"feed column {', '.join(lacking)}",
                fix="Create it in Intercom under Settings, Data, People, or leave the column out of the feed.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return len(encode(created(row.payload, {})))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write rows to their contacts, or empty what earlier runs wrote."""
        return [self._remove(delivery, row) if op is Op.REMOVE else self._write(delivery, row) for row in rows]

    def _write(self, delivery: Delivery, row: Row) -> RowResult:
        reads = bool(conditional(delivery, [row]))
        if row.destination_id and row.op is Op.CHANGE:
            found = self._update(delivery, row, row.destination_id, whole=False, reads=reads)
            if found is not None:
                return found
        ids = self.workspace.find(delivery.key, row.key)
        if len(ids) > 1:
            return result(CODES, row.key, SEVERAL)
        if ids:
            return self._update(delivery, row, ids[0], whole=True, reads=reads) or result(CODES, row.key, NOT_FOUND)
        return result(CODES, row.key, NOT_FOUND) if delivery.mode is Mode.UPDATE else self._create(delivery, row, reads)

    def _create(self, delivery: Delivery, row: Row, reads: bool) -> RowResult:
        answer = self.workspace.create(created(written(delivery, row), self._types(row.payload)))
        if answer.status != 409:
            done(answer, "the contact was not made")
            return RowResult(row.key, Outcome.APPLIED, destination_id=str(answer.body.get("id") or "") or None)
        contact_id, archived = in_the_way(answer)
        if archived:
            return result(CODES, row.key, ARCHIVED)
        if contact_id is None:
            done(answer, "another contact is in the way")
        updated = self._update(delivery, row, str(contact_id), whole=True, reads=reads)
        return updated or result(CODES, row.key, "conflict")

    def _update(self, delivery: Delivery, row: Row, contact_id: str, *, whole: bool, reads: bool) -> RowResult | None:
        """Write to a contact that is there; return ``None`` where it is no more."""
        filled: set[str] = set()
        if reads:
            answer = self.workspace.call("GET", one(contact_id))
            if answer.status in (404, 410):
                return None
            done(answer, "the contact could not be read")
            filled = _filled(answer)
        values = written(delivery, row, filled=filled, whole=whole)
        values.pop(delivery.key)
        if not values:
            return result(CODES, row.key, "nothing_to_write", contact_id)
        return self._put(row.key, contact_id, contact(values, self._types(values)))

    def _put(self, key: str, contact_id: str, body: Mapping[str, Any]) -> RowResult | None:
        answer = self.workspace.update(contact_id, body)
        merged_into = canonical(answer)
        if merged_into is not None:
            contact_id = merged_into
            answer = self.workspace.update(contact_id, body)
        if answer.status in (404, 410):
            return None
        done(answer, "the contact was not written")
        return RowResult(key, Outcome.APPLIED, destination_id=contact_id)

    def _remove(self, delivery: Delivery, row: Row) -> RowResult:
        columns = sorted(column for column in row.payload if column.startswith(OURS))
        # An attribute that somebody deleted from Intercom is as empty as it can be; a call with it would be refused.
        body = {"custom_attributes": dict.fromkeys(column for column in columns if column in self.workspace.attributes)}
        if not body["custom_attributes"]:
            return result(CODES, row.key, "no_columns")
        done_with = self._put(row.key, row.destination_id, body) if row.destination_id else None
        if done_with is not None:
            return done_with
        emptied = [self._put(row.key, found, body) for found in self.workspace.find(delivery.key, row.key)]
        return next((one for one in emptied if one is not None), result(CODES, row.key, NO_CONTACT))

    def _types(self, columns: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the types of the workspace's own attributes; asked for only where there are such columns."""
        return self.workspace.attributes if set(columns) - STANDARD else {}


def _filled(answer: Response) -> set[str]:
    """Return which columns hold a value in a contact."""
    custom = answer.body.get("custom_attributes")
    values = {**answer.body, **(custom if isinstance(custom, dict) else {})}
    return {name for name, value in values.items() if value not in (None, "")}
