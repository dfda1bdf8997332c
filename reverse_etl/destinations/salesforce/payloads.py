"""What Salesforce's requests and answers look like: nothing here calls anything."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any
from urllib.parse import quote

from reverse_etl.destinations.codes import objects, result
from reverse_etl.destinations.salesforce.codes import CODES
from reverse_etl.destinations.salesforce.fields import text
from reverse_etl.rows import Outcome, RowResult

EMPTY = "#N/A"  #: in a cell: empties the field; an empty cell leaves it as it is
_QUOTED = re.compile(r'[",\n\r]|^\s|\s$')
QUERY_BYTES = 8_000  #: of a query, which travels in the address; Salesforce takes about 16,000

Record = Mapping[str, Any]


def csv_of(records: Sequence[Record]) -> bytes:
    """Return records as CSV: a comma between cells, a line feed at the end of lines, every field in one header."""
    fields = list(dict.fromkeys(name for record in records for name in record))
    lines = [",".join(fields)]
    lines += [",".join([_cell(record[name]) if name in record else "" for name in fields]) for record in records]
    return ("\n".join(lines) + "\n").encode()


def _cell(value: Any) -> str:
    written = EMPTY if value is None else text(value) or EMPTY
    return '"' + written.replace('"', '""') + '"' if _QUOTED.search(written) else written


def fits_csv(record: Record) -> bool:
    """Return whether a record means the same in CSV: there, a text that is ``#N/A`` would empty the field."""
    return EMPTY not in record.values()


def read_csv(content: Any, *fields: str) -> list[tuple[str, ...]]:
    """Return these fields of the lines of a job's results; no line where one of the fields is not there."""
    lines = csv.reader(StringIO(content if isinstance(content, str) else "", newline=""))
    header = next(lines, [])
    if not set(fields) <= set(header):
        return []
    places = [header.index(name) for name in fields]
    return [tuple(line[place] for place in places) for line in lines if len(line) == len(header)]


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
