"""Rows as Parquet, CSV or NDJSON, written piece by piece, so that a file may be larger than memory."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from reverse_etl.kinds import Kind
from reverse_etl.wire import encode

Format = Literal["parquet", "csv", "ndjson"]
Values = Mapping[str, Any]

_PIECE = 50_000  #: rows of a row group, and rows in memory at a time
_ARROW: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.DECIMAL: pa.float64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.JSON: pa.string(),
}
_QUOTED = re.compile(r'^$|[",\r\n]|^\s|\s$')


class DoesNotFit(ValueError):
    """A value is not of its column's kind."""


def extension(kind: Format, zipped: bool) -> str:
    """Return what a file's name ends with."""
    return f".{kind}.gz" if zipped and kind != "parquet" else f".{kind}"


def write(
    file: IO[bytes],
    kind: Format,
    columns: Sequence[str],
    kinds: Mapping[str, Kind],
    rows: Iterable[Values],
    *,
    zipped: bool = False,
) -> int:
    """Write rows and return how many there were.

    Args:
        file: Where to.
        kind: The format.
        columns: The columns, in their order; a row may lack some, which is the same as an empty value.
        kinds: What the columns hold; text where nothing is said.
        rows: The rows.
        zipped: Whether CSV and NDJSON are compressed. Parquet always is.

    Raises:
        DoesNotFit: A value is not of its column's kind.
    """
    if kind == "parquet":
        return _parquet(file, columns, kinds, rows)
    with _gzip(file, zipped) as out:
        return _lines(out, _csv(columns, rows) if kind == "csv" else _ndjson(columns, rows)) - (kind == "csv")


def kinds_in(columns: Sequence[str], rows: Sequence[Values]) -> dict[str, Kind]:
    """Return what columns hold, judged by the values of some rows; text where they disagree or are all empty."""
    found = {}
    for column in columns:
        types = {type(row[column]) for row in rows if row.get(column) is not None}
        found[column] = next((kind for kind, of in _BY_TYPE.items() if types and types <= of), Kind.TEXT)
    return found


_BY_TYPE: Mapping[Kind, set[type]] = {Kind.BOOLEAN: {bool}, Kind.INTEGER: {int}, Kind.FLOAT: {int, float}}


def _parquet(file: IO[bytes], columns: Sequence[str], kinds: Mapping[str, Kind], rows: Iterable[Values]) -> int:
    known = {column: kinds.get(column, Kind.TEXT) for column in columns}
    schema = pa.schema([(column, _ARROW[kind]) for column, kind in known.items()])
    total, remaining = 0, iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while piece := list(islice(remaining, _PIECE)):
            arrays = [_array([row.get(column) for row in piece], kind) for column, kind in known.items()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            total += len(piece)
    return total


def _array(values: list[Any], kind: Kind) -> pa.Array:
    try:
        if kind in (Kind.TEXT, Kind.JSON):
            return pa.array([_text(value) for value in values], pa.string())
        if kind in (Kind.DATE, Kind.TIMESTAMP):
            return pa.array(values, pa.string()).cast(_ARROW[kind])
        return pa.array(values, _ARROW[kind])
    except (pa.ArrowException, OverflowError) as error:  # its words quote the value
        raise DoesNotFit(str(kind)) from error.with_traceback(None)


def _text(value: Any) -> str | None:
    """Return a value as text; JSON, and what is no text, as JSON writes it."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv(columns: Sequence[str], rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield lines of RFC 4180. An empty text is quoted and an empty value is not, so that they can be told apart."""
    yield _record(columns)
    for row in rows:
        yield _record([_text(row.get(column)) for column in columns])


def _record(cells: Sequence[str | None]) -> bytes:
    return (",".join("" if cell is None else _quoted(cell) for cell in cells) + "\r\n").encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


def _ndjson(columns: Sequence[str], rows: Iterable[Values]) -> Iterator[bytes]:
    for row in rows:
        yield encode({column: row.get(column) for column in columns}) + b"\n"


def _lines(file: IO[bytes], lines: Iterator[bytes]) -> int:
    total = 0
    while piece := list(islice(lines, _PIECE)):
        file.write(b"".join(piece))
        total += len(piece)
    return total


@contextmanager
def _gzip(file: IO[bytes], zipped: bool) -> Iterator[IO[bytes]]:
    if not zipped:
        yield file
        return
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        yield packed  # type: ignore[misc]
