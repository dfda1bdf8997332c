"""How rows become records of HubSpot, and what is emptied of those that leave: the same for contacts and companies.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reverse_etl.destinations.base import Count, Delivery, Mode
from reverse_etl.destinations.codes import result
from reverse_etl.destinations.hubspot.payloads import CODES, NO_RECORD, NOT_FOUND, OURS, ours, write_input
from reverse_etl.destinations.hubspot.records import Records, filled, lacks
from reverse_etl.destinations.policies import conditional, written
from reverse_etl.http import encode
from reverse_etl.rows import Op, Row, RowResult

MISSING = "OBJECT_NOT_FOUND"


class Writing:
    """Writes rows to the records of one type, found by a unique property."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token may see such records, and that they have the properties that the feed fills."""
        self.records.check()
        properties = self.records.properties() if delivery.fields else None
        lacking = sorted(delivery.fields - set(properties)) if properties is not None else []
        if lacking:
            raise lacks(self.records.kind, lacking)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        values = dict.fromkeys(ours([row], delivery.key)) if row.op is Op.REMOVE else written(delivery, row)
        return len(encode(write_input(max(row.key, "0" * 20, key=len), delivery.key, values, 99))) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch, or empty what earlier ones wrote."""
        if op is Op.REMOVE:
            return self._remove(delivery, rows)
        known: dict[str, Row] = {}
        for row in rows:
            if row.op is Op.CHANGE and row.destination_id:
                known.setdefault(row.destination_id, row)  # two addresses of one contact are two calls
        results = self.update(delivery, known, None)
        lost = {key for key, found in results.items() if found.code == NOT_FOUND}
        rest = {row.key: row for row in rows if row.key not in results or row.key in lost}
        if rest and delivery.mode is Mode.UPDATE:
            results |= self.update_by_key(delivery, rest, lost)
        elif rest:
            results |= self.upsert(delivery, rest, lost)
        return [results[row.key] for row in rows]

    def count(self) -> Count | None:
        """Return how many records have any property with our prefix, whichever sync wrote it.

        Which of them are one sync's HubSpot cannot tell, so it lists none for a sync to adopt. One search takes five
        properties. Beyond that, records that have several are counted more than once, so it is only known that there
        are at least as many as the largest count and at most as many as the sum.
        """
        names = self.records.properties() or {}
        totals = self.records.totals(sorted(name for name in names if name.startswith(OURS)))
        return None if totals is None else Count(max(totals, default=0), sum(totals))

    def upsert(self, delivery: Delivery, rows: Mapping[str, Row], lost: set[str]) -> dict[str, RowResult]:
        """Create or update records by the key; return one result per row, by its key.

        Args:
            delivery: Says what an empty value does.
            rows: The rows by their keys.
            lost: The keys of those whose records were known and are no more.
        """
        there = self._filled(delivery, rows, delivery.key)
        return {found.key: found for found in self.records.upsert(self.inputs(delivery, rows.values(), there))}

    def update_by_key(self, delivery: Delivery, rows: Mapping[str, Row], lost: set[str]) -> dict[str, RowResult]:
        """Update the records that are there, by the key; as :meth:`upsert`."""
        return self.update(delivery, rows, delivery.key, whole=lost)

    def ids(self, delivery: Delivery, keys: Sequence[str]) -> dict[str, str]:
        """Return the ids of the records that there are with these keys, by the key."""
        return {key: str(found["id"]) for key, found in self.records.read(keys, delivery.key).items()}

    def inputs(
        self, delivery: Delivery, rows: Iterable[Row], there: Mapping[str, set[str]] | None = None
    ) -> list[dict[str, Any]]:
        """Return the inputs that write rows whole, found by their keys."""
        return [
            write_input(row.key, delivery.key, written(delivery, row, filled=(there or {}).get(row.key, ())), place)
            for place, row in enumerate(rows)
        ]

    def update(
        self,
        delivery: Delivery,
        named: Mapping[str, Row],
        by: str | None,
        *,
        whole: set[str] | None = None,
        there: Mapping[str, set[str]] | None = None,
    ) -> dict[str, RowResult]:
        """Update records, by their ids or by a property; return one result per row, by its key.

        Args:
            delivery: Says what an empty value does.
            named: Rows by what their records are found by.
            by: The property that this is; none for ids.
            whole: The keys of rows that are sent with every column, not with the changed ones alone.
            there: Which columns hold a value at HubSpot, by the row's key, where that was read already.
        """
        there = self._filled(delivery, named, by) if there is None else there
        inputs: list[dict[str, Any]] = []
        results = {}
        for name, row in named.items():
            partial = row.key not in (whole or ())
            values = written(delivery, row, filled=there.get(row.key, ()), whole=not partial)
            values.pop(delivery.key)  # a value of the record already, and not to be made its first one
            if values:
                inputs.append(write_input(name, by, values, len(inputs)))
            else:
                results[row.key] = result(CODES, row.key, "nothing_to_write", row.destination_id)
        for found in self.records.update(inputs):
            key = named[found.key].key
            results[key] = result(CODES, key, NOT_FOUND) if found.code == MISSING else found._replace(key=key)
        return results

    def _filled(self, delivery: Delivery, named: Mapping[str, Row], by: str | None) -> dict[str, set[str]]:
        """Return which columns hold a value at HubSpot, by the row's key; asked for only where it matters."""
        columns = conditional(delivery, named.values())
        if not columns:
            return {}
        found = self.records.read(list(named), by, columns)
        return {named[name].key: filled(record, columns) for name, record in found.items()}

    def _remove(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        columns = ours(rows, delivery.key)
        if not columns:
            return [result(CODES, row.key, "no_columns") for row in rows]
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        known = set(ids)
        ids |= self.ids(delivery, [row.key for row in rows if row.key not in ids])
        cleared = self._clear(ids.values(), columns)
        # An id that is no more may be that of a record that was merged, and lives on under another.
        moved = self.ids(delivery, [key for key in known if cleared[ids[key]].code == NO_RECORD])
        cleared |= self._clear(set(moved.values()) - set(cleared), columns)
        ids |= moved
        return [
            cleared[ids[row.key]]._replace(key=row.key) if row.key in ids else result(CODES, row.key, NO_RECORD)
            for row in rows
        ]

    def _clear(self, ids: Any, columns: Sequence[str]) -> dict[str, RowResult]:
        """Empty columns of records; return one result per id."""
        answered = self.records.clear(list(dict.fromkeys(ids)), columns)
        return {
            found.key: result(CODES, found.key, NO_RECORD) if found.code == MISSING else found for found in answered
        }
