"""How rows get to Salesforce: few of them by collections, many by a job; by a key, or by the ids of their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from reverse_etl.destinations.codes import result
from reverse_etl.destinations.salesforce.codes import CODES, GONE, MOVED, NO_RECORD, NOT_FOUND, row_code
from reverse_etl.destinations.salesforce.fields import ID, Thing, text
from reverse_etl.destinations.salesforce.org import COLLECTION_ROWS, Org
from reverse_etl.destinations.salesforce.payloads import Record, fits_csv, map_collection
from reverse_etl.rows import Op, Outcome, Row, RowResult

BULK_FROM = 2_000  #: rows of a batch, from which it is one job; Salesforce itself advises jobs for more than that


class Written(NamedTuple):
    """A row and the record that it becomes."""

    row: Row
    record: Record


class Writer:
    """Writes rows to the objects of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def upsert(self, thing: Thing, field: str, sent: Sequence[Written]) -> list[RowResult]:
        """Create or update records by a field that every record holds."""
        return self._deliver(thing, field, sent)

    def update(
        self, thing: Thing, key: str, rows: Sequence[Row], values: Mapping[str, Mapping[str, Any]]
    ) -> list[RowResult]:
        """Update records that are there.

        Args:
            thing: The object.
            key: The feed's key column.
            rows: The rows.
            values: What to write, column to value, by the row's key.
        """
        field = thing.field(key)
        results = {row.key: result(CODES, row.key, "nothing_to_write") for row in rows if not values[row.key]}
        rest = [row for row in rows if values[row.key]]
        ids = {row.key: row.key if field == ID else row.destination_id for row in rest}
        results |= self._look_up(thing, field, [row for row in rest if not ids[row.key]], ids)
        results |= self._by_ids(thing, [row for row in rest if row.key not in results], ids, values)
        again = [] if field == ID else [row for row in rest if results[row.key].code in GONE and row.destination_id]
        if again:
            told = {row.key: results[row.key] for row in again}
            results |= self._look_up(thing, field, again, ids)
            moved = [row for row in again if results[row.key] is told[row.key] and ids[row.key] != row.destination_id]
            results |= self._by_ids(thing, moved, ids, values)
        return [_absent(row, results[row.key], field) for row in rows]

    def settle(
        self, thing: Thing, key: str, job: Mapping[str, Any], job_id: str, rows: Sequence[Row]
    ) -> list[RowResult]:
        """Return what became of the rows of a job that is done."""
        field, updates = thing.field(key), job.get("operation") == "update"
        sent = ID if updates else field
        keys = {row.destination_id or "" if updates and field != ID else _sent(thing, key, row): row for row in rows}
        results = {
            keys[name].key: one._replace(key=keys[name].key)
            for name, one in self._told(job_id, sent, list(keys)).items()
        }
        if updates and field != ID:
            results |= self._moved(thing, field, [row for row in rows if results[row.key].code in GONE])
        return [_absent(row, results[row.key], field) for row in rows]

    def _told(self, job: str, field: str, names: Sequence[str]) -> dict[str, RowResult]:
        """Return what a job says of the records that it was given, by the value of a field that it repeats."""
        told = {
            name: RowResult(name, Outcome.APPLIED, destination_id=one or None)
            for name, one in self._org.done(job, field)
        }
        if any(name not in told for name in names):
            told |= {name: result(CODES, name, row_code(error)) for name, error in self._org.failed(job, field)}
        if any(name not in told for name in names):
            told |= {name: result(CODES, name, "unprocessed") for [name] in self._org.unprocessed(job, field)}
        return {name: told.get(name) or result(CODES, name, "no_answer") for name in names}

    def filled(self, thing: Thing, key: str, rows: Sequence[Row], columns: Sequence[str]) -> dict[str, set[str]]:
        """Return which columns hold a value at Salesforce, by the row's key; asked for only where there are columns."""
        if not columns:
            return {}
        fields = {column: thing.field(column) for column in columns}
        found = self._org.find(thing, thing.field(key), [row.key for row in rows], list(fields.values()))
        return {
            row.key: {c for c, field in fields.items() for one in records if one.get(field) not in (None, "")}
            for row in rows
            if (records := found.get(row.key.lower()))
        }

    def _look_up(
        self, thing: Thing, field: str, rows: Sequence[Row], ids: dict[str, str | None]
    ) -> dict[str, RowResult]:
        """Fill in the ids of rows by their keys; return a result for those that have no record, or several."""
        found = self._org.find(thing, field, [row.key for row in rows]) if rows else {}
        results = {}
        for row in rows:
            records = found.get(row.key.lower(), [])
            if len(records) == 1:
                ids[row.key] = str(records[0].get(ID))
            else:
                code = "DUPLICATE_EXTERNAL_ID" if records else NOT_FOUND
                results[row.key] = result(CODES, row.key, code)
        return results

    def _by_ids(
        self,
        thing: Thing,
        rows: Sequence[Row],
        ids: Mapping[str, str | None],
        values: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, RowResult]:
        sent = [Written(row, {ID: ids[row.key], **thing.record(values[row.key])}) for row in rows]
        seen: dict[Any, Written] = {}
        for one in sent:
            seen.setdefault(one.record[ID], one)  # Salesforce refuses a record twice in one call
        double = [one for one in sent if seen[one.record[ID]] is not one]
        results = {found.key: found for found in self._deliver(thing, None, list(seen.values()))}
        results |= {found.key: found for found in self._deliver(thing, None, double)} if double else {}
        return {key: found._replace(destination_id=ids[key]) for key, found in results.items()}

    def _deliver(self, thing: Thing, field: str | None, sent: Sequence[Written]) -> list[RowResult]:
        """Write records by a job or by collections; without a field, they are found by their ids."""
        by_job = [one for one in sent if fits_csv(one.record)]
        if len(by_job) >= BULK_FROM:
            job = self._org.start_job(thing.name, field, [one.record for one in by_job])
            if job is not None:
                accepted = [RowResult(one.row.key, Outcome.ACCEPTED, job_id=job) for one in by_job]
                return [*accepted, *self._collections(thing, field, [one for one in sent if not fits_csv(one.record)])]
        return self._collections(thing, field, sent)

    def _collections(self, thing: Thing, field: str | None, sent: Sequence[Written]) -> list[RowResult]:
        write: Callable[[Sequence[Record]], Any] = (
            (lambda some: self._org.update(thing.name, some))
            if field is None
            else (lambda some: self._org.upsert(thing.name, field, some))
        )
        results: list[RowResult] = []
        for start in range(0, len(sent), COLLECTION_ROWS):
            some = sent[start : start + COLLECTION_ROWS]
            results += map_collection([one.row.key for one in some], write([one.record for one in some]))
        return results

    def _moved(self, thing: Thing, field: str, rows: Sequence[Row]) -> dict[str, RowResult]:
        """Return a result for rows whose records have another id by now, or none: they were merged, or deleted."""
        ids: dict[str, str | None] = {}
        results = self._look_up(thing, field, rows, ids)
        known = {row.key: row.destination_id for row in rows}
        return results | {key: result(CODES, key, MOVED, new) for key, new in ids.items() if new != known[key]}


def _sent(thing: Thing, key: str, row: Row) -> str:
    """Return a row's key as it was written into a job."""
    [value] = thing.record({key: row.payload.get(key, row.key)}).values()
    return text(value)


def _absent(row: Row, found: RowResult, field: str) -> RowResult:
    """Return the result of a row, where for who leaves it is well that there is no record."""
    gone = found.code == NOT_FOUND or (field == ID and found.code in GONE)
    if not gone:
        return found
    return result(CODES, row.key, NO_RECORD if row.op is Op.REMOVE else NOT_FOUND)
