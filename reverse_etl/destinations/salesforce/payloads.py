"""What Salesforce's requests and answers look like: nothing here calls anything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any
from urllib.parse import quote

from reverse_etl.destinations.codes import objects, result
from reverse_etl.destinations.salesforce.codes import CODES, row_code
from reverse_etl.destinations.salesforce.fields import text
from reverse_etl.rows import Outcome, RowResult

EMPTY = "#N/A"  #: in a cell: empties the field; an empty cell leaves it as it is
QUERY_BYTES = 8_000  #: of a query, which travels in the address; Salesforce takes about 16,000

Record = Mapping[str, Any]


def csv_of(records: Sequence[Record]) -> bytes:
    """Return records as CSV: a comma between cells, a line feed at the end of lines, every field in one header."""
    fields = list(dict.fromkeys(name for record in records for name in record))
    lines = [",".join(fields)]
    lines += [",".join(_cell(record, name) for name in fields) for record in records]
    return ("\n".join(lines) + "\n").encode()


def _cell(record: Record, name: str) -> str:
    if name not in record:
        return ""
    value = record[name]
    written = EMPTY if value is None else text(value) or EMPTY
    if any(mark in written for mark in '",\n\r') or written != written.strip():
        return '"' + written.replace('"', '""') + '"'
    return written


def fits_csv(record: Record) -> bool:
    """Return whether a record means the same in CSV: there, a text that is ``#N/A`` would empty the field."""
    return EMPTY not in record.values()


def read_csv(content: Any) -> list[dict[str, str]]:
    """Return the lines of a job's results by field; none of an empty answer."""
    return list(csv.DictReader(StringIO(content, newline=""))) if isinstance(content, str) else []


def collection(kind: str, records: Iterable[Record]) -> dict[str, Any]:
    """Return the body of a call that writes a collection. Each record is taken or refused by itself."""
    return {"allOrNone": False, "records": [{"attributes": {"type": kind}, **record} for record in records]}


def map_collection(keys: Sequence[str], answer: Any) -> list[RowResult]:
    """Return one result per record of a collection, which Salesforce answers in order."""
    told = objects(answer)
    results = []
    for place, key in enumerate(keys):
        found = told[place] if len(told) == len(keys) else {}
        failed = objects(found.get("errors"))
        if found.get("success") is True:
            results.append(RowResult(key, Outcome.APPLIED, destination_id=str(found["id"]) if "id" in found else None))
        else:
            results.append(result(CODES, key, str(failed[0].get("statusCode", "")) if failed else "no_answer"))
    return results


def map_job(
    keys: Sequence[str],
    field: str,
    done: Iterable[Mapping[str, str]],
    failed: Iterable[Mapping[str, str]],
    unprocessed: Iterable[Mapping[str, str]],
) -> list[RowResult]:
    """Return one result per row of a job, by the key that its results repeat; their order is not promised.

    Args:
        keys: The rows' keys as they were sent.
        field: The field that holds them.
        done: Records that were written.
        failed: Records that were refused.
        unprocessed: Records that the job did not come to.
    """
    results = {
        line[field]: RowResult(line[field], Outcome.APPLIED, destination_id=line.get("sf__Id") or None)
        for line in done
        if field in line
    }
    results |= {line[field]: result(CODES, line[field], "unprocessed") for line in unprocessed if field in line}
    results |= {
        line[field]: result(CODES, line[field], row_code(line.get("sf__Error") or ""))
        for line in failed
        if field in line
    }
    return [results.get(key) or result(CODES, key, "no_answer") for key in keys]


def lookups(kind: str, field: str, number: bool, keys: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """Yield queries for the records that have any of these keys, of as many at a time as fit into an address."""
    selected = ", ".join(dict.fromkeys(["Id", field, *columns]))
    some: list[str] = []
    size = 0
    for key in keys:
        literal = key if number else "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"
        length = len(quote(literal)) + 3
        if some and size + length > QUERY_BYTES:
            yield f"SELECT {selected} FROM {kind} WHERE {field} IN ({','.join(some)})"
            some, size = [], 0
        some.append(literal)
        size += length
    if some:
        yield f"SELECT {selected} FROM {kind} WHERE {field} IN ({','.join(some)})"
