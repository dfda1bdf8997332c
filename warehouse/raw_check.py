"""Whether the raw tables are as the sources declare them, asked before anything is built from them.

A missing file, a column that was renamed or one whose type changed would otherwise surface as an SQL error deep in a
model, or, worse, as nulls. What is expected is what the ``sources:`` in the dbt project declare: every column with its
``data_type``. Files are looked into on DuckDB, tables in Snowflake.
"""

from __future__ import annotations

import csv
import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from sqlglot import exp
from sqlglot.errors import ParseError

from warehouse.base import Column, Relation
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest, Node

_READER = re.compile(r"^read_(parquet|csv|json|ndjson)\w*\(\s*'([^']+)'")
_SHOWN = 8
_SAMPLE = 100  # rows of an NDJSON file: a key may be left out of a row, hardly ever out of the first hundred

#: Column name, lower case, to the kind of its type; None where a text format does not tell.
Found = Mapping[str, str | None]


def check_raw(manifest: Manifest, columns: Callable[[Relation], Sequence[Column]], *, root: Path | None = None) -> None:
    """Return when every raw table that the project reads is there with the declared columns.

    Args:
        manifest: The parsed project; its sources say what is expected.
        columns: Gives the columns of a table in the warehouse, none if there is no such table (``Warehouse.columns``).
            Asked only for sources that are not files.
        root: What relative paths start from: the folder that dbt runs in, by default the current one.

    Raises:
        ConfigError: Something is missing or has changed. One message, naming each file or table and column.
    """
    problems: list[str] = []
    folders: list[Path] = []
    has_files = False
    for node in manifest.nodes.values():
        if node.kind != "source":
            continue
        reader = _READER.match(str(node.raw.get("relation_name") or ""))
        if reader is None:
            problems += _check_table(node, columns)
            continue
        pattern = (root or Path.cwd()).absolute() / reader[2]
        files = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
        if files:
            has_files = True
            problems += _check_files(node, reader[1], files)
        else:
            folders.append(pattern.parent)
            problems.append(f"{pattern.parent}: there is no {pattern.name} ({_source(node)})")
    if folders and not has_files and not (top := Path(os.path.commonpath(folders))).exists():
        raise ConfigError(
            "There are no raw files.",
            where=str(top),
            fix="load the raw tables there, or set WEFT_RAW to the folder that holds them",
        )
    if problems:
        shown = problems[:_SHOWN] + ([f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else [])
        raise ConfigError(
            "The raw tables are not as the models expect them, so nothing was built.",
            where="\n         ".join(shown),
            fix="load the table again, or declare what changed in the pack's sources yml and in its stg_ model;"
            " a system that is not used is switched off under vars: sources: in dbt_project.yml",
        )


def _source(node: Node) -> str:
    return f"declared in {node.path}"


def _declared(node: Node) -> dict[str, str]:
    """Column name, lower case, to its declared type; empty text where none is declared."""
    columns = node.raw.get("columns") or {}
    return {name.lower(): str(column.get("data_type") or "") for name, column in columns.items()}


def _check_table(node: Node, columns: Callable[[Relation], Sequence[Column]]) -> list[str]:
    found = columns(node.relation)
    if not found:
        return [f"{node.relation}: there is no such table ({_source(node)})"]
    # What is a text file elsewhere may be typed here or not: its models read both.
    location = str(((node.raw.get("config") or {}).get("meta") or {}).get("external_location", ""))
    is_text = location.startswith(("read_csv", "read_json", "read_ndjson"))
    kinds = {column.name.lower(): None if is_text else kind_of(column.type) for column in found}
    return list(_differences(str(node.relation), _declared(node), kinds))


def _check_files(node: Node, form: str, files: Sequence[Path]) -> Iterator[str]:
    declared = _declared(node)
    if form in ("json", "ndjson"):
        keys: set[str] = set()
        rows = 0
        for file in files:
            try:
                sample = _json_rows(file)
            except ValueError:
                yield f"{file}: is not newline-delimited JSON"
                continue
            rows += len(sample)
            keys |= {key.lower() for row in sample for key in row}
        if rows:
            yield from _differences(str(files[-1]), declared, dict.fromkeys(keys))
        return
    for file in files:
        try:
            found = _parquet_columns(file) if form == "parquet" else _csv_columns(file)
        except (pa.ArrowInvalid, ValueError):
            yield f"{file}: {'is not a parquet file' if form == 'parquet' else 'has no header line in UTF-8'}"
            continue
        yield from _differences(str(file), declared, found)


def _differences(where: str, declared: Mapping[str, str], found: Found) -> Iterator[str]:
    """Say what a table lacks or holds as another type. More columns than declared are fine."""
    unknown = [name for name in found if name not in declared]
    for name, data_type in declared.items():
        if name not in found:
            near = difflib.get_close_matches(name, unknown, n=1)
            yield f"{where}: the column {name} is missing" + (f"; was it renamed to {near[0]}?" if near else "")
            continue
        expected, actual = kind_of(data_type) if data_type else None, found[name]
        if expected and actual and actual != expected:
            yield f"{where}: the column {name} holds {actual}, not {expected}"


def kind_of(data_type: str | exp.DataType) -> str | None:
    """Return the kind of a SQL type: text, a number, true or false, a timestamp, a date, JSON; None for any other."""
    try:
        parsed = exp.DataType.build(data_type, dialect="duckdb") if isinstance(data_type, str) else data_type
    except ParseError:
        return None
    kinds = (
        ("text", exp.DataType.TEXT_TYPES),
        ("a number", exp.DataType.NUMERIC_TYPES),
        ("true or false", {exp.DataType.Type.BOOLEAN}),
        ("a date", {exp.DataType.Type.DATE}),
        ("a timestamp", exp.DataType.TEMPORAL_TYPES),
        ("JSON", {exp.DataType.Type.JSON, exp.DataType.Type.VARIANT, exp.DataType.Type.OBJECT}),
    )
    return next((kind for kind, types in kinds if parsed.this in types), None)


def _parquet_columns(file: Path) -> dict[str, str | None]:
    return {field.name.lower(): _arrow_kind(field.type) for field in pa.parquet.read_schema(file)}


def _arrow_kind(data_type: pa.DataType) -> str | None:
    types = pa.types
    if types.is_dictionary(data_type):
        return _arrow_kind(data_type.value_type)
    tests: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
        ("text", types.is_string),
        ("text", types.is_large_string),
        ("text", types.is_string_view),
        ("a number", types.is_integer),
        ("a number", types.is_floating),
        ("a number", types.is_decimal),
        ("true or false", types.is_boolean),
        ("a timestamp", types.is_timestamp),
        ("a date", types.is_date),
    )
    # A column without a single value may have been written without a type: it is what it has to be.
    return next((kind for kind, test in tests if test(data_type)), None)


def _csv_columns(file: Path) -> dict[str, str | None]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), [])
    if not header:
        raise ValueError("no header")
    return dict.fromkeys(name.strip().lower() for name in header)


def _json_rows(file: Path) -> list[dict[str, object]]:
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice((line for line in lines if line.strip()), _SAMPLE)]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("not objects")
    return rows
