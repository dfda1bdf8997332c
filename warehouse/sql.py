"""SQL that Python writes: parsed, filled in and rendered by sqlglot, never pasted together.

Statements are written in DuckDB's dialect, with bare table names and ``$name`` for values, and come out in the dialect
of the warehouse that they run on. What the dialects spell too differently to be translated is built here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp

from warehouse.base import Column, Relation

_TIMESTAMPS = (
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPNTZ,
    exp.DataType.Type.TIMESTAMPLTZ,
    exp.DataType.Type.TIMESTAMPTZ,
    exp.DataType.Type.TIMESTAMP_S,
    exp.DataType.Type.TIMESTAMP_MS,
    exp.DataType.Type.TIMESTAMP_NS,
    exp.DataType.Type.DATETIME,
)
_FLOATS = (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE)
_WRITTEN = (exp.Insert, exp.Schema, exp.Delete, exp.Update)


def statement(text: str, tables: Mapping[str, Relation], **values: Any) -> exp.Expr:
    """Return a statement with its tables and values filled in.

    Args:
        text: SQL in DuckDB's dialect. Tables of ``tables`` are named without a schema, values as ``$name``.
        tables: Where each of those tables is.
        **values: Python values, or sqlglot expressions.

    Raises:
        KeyError: The text names a value that was not given.
    """
    tree = _parsed(text).copy()
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(exp.convert(values[placeholder.name], copy=True))
    for table in list(tree.find_all(exp.Table)):
        if not table.db and table.name in tables:
            written = isinstance(table.parent, _WRITTEN) and table.arg_key == "this"
            table.replace(tables[table.name].table(alias=None if written else table.alias or table.name))
    return tree


@lru_cache(maxsize=256)
def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="duckdb")


def text(value: exp.Expr) -> exp.Expr:
    """Return a value as text."""
    return exp.cast(value, "text")


def any_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Return whether one of the conditions holds."""
    return exp.or_(*conditions) if conditions else exp.false()


def joined(values: Sequence[exp.Expr]) -> exp.Expr:
    """Return texts, none of them null, put end to end."""
    whole: exp.Expr = exp.Literal.string("")
    for value in values:
        whole = exp.DPipe(this=whole, expression=value)
    return whole


def json_object(columns: Sequence[Column], dialect: str) -> exp.Expr:
    """Return the columns as the text of a JSON object, its keys in alphabetical order, nulls kept.

    Timestamps are ISO 8601 in UTC to the second, dates ISO 8601: a warehouse's own spelling would change with its
    version, and with it every row's hash.
    """
    pairs: list[exp.Expr] = []
    for column in sorted(columns, key=lambda item: item.name):
        pairs += [exp.Literal.string(column.name), _json_value(column, dialect)]
    if dialect == "snowflake":
        # Snowflake sorts the keys of an object by itself; DuckDB keeps them as they come.
        return exp.func("to_json", exp.Anonymous(this="object_construct_keep_null", expressions=pairs), dialect=dialect)
    return text(exp.Anonymous(this="json_object", expressions=pairs))


def _json_value(column: Column, dialect: str) -> exp.Expr:
    value: exp.Expr = column.expression()
    if column.type.is_type(*_TIMESTAMPS):
        if dialect == "snowflake":
            if column.type.is_type(exp.DataType.Type.TIMESTAMPTZ):
                # The cast below keeps the wall time of the value's own zone.
                value = exp.Anonymous(this="convert_timezone", expressions=[exp.Literal.string("UTC"), value])
            moment = exp.cast(value, exp.DataType.build("timestamp_ntz", dialect="snowflake"))
            shown = exp.Anonymous(this="to_char", expressions=[moment, exp.Literal.string('YYYY-MM-DD"T"HH24:MI:SS')])
            return exp.DPipe(this=shown, expression=exp.Literal.string("Z"))
        return exp.Anonymous(this="strftime", expressions=[value, exp.Literal.string("%Y-%m-%dT%H:%M:%SZ")])
    if column.type.is_type(exp.DataType.Type.DATE):
        return text(value)
    if dialect == "duckdb" and column.type.is_type(*_FLOATS):
        # JSON has no word for infinity or not-a-number, and DuckDB writes them all the same.
        return exp.case().when(exp.Anonymous(this="isfinite", expressions=[value]), value)
    return value


def json_field(payload: exp.Expr, name: str, dialect: str) -> exp.Expr:
    """Return one field of a JSON text, to be compared with others of its kind; null where the field is absent."""
    if dialect == "snowflake":
        parsed = exp.Anonymous(this="parse_json", expressions=[payload])
        return exp.paren(exp.Anonymous(this="get", expressions=[parsed, exp.Literal.string(name)]))
    path = '$."' + name.replace('"', '\\"') + '"'
    return exp.Anonymous(this="json_extract", expressions=[payload, exp.Literal.string(path)])
