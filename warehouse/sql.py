"""SQL that Python writes: parsed, filled in and rendered by sqlglot, never pasted together.

Statements are written in DuckDB's dialect, with bare table names and ``$name`` for values, and come out in the dialect
of the warehouse that they run on. What the dialects spell too differently to be translated is built here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from typing import Any, cast

import sqlglot
from sqlglot import exp

from warehouse.base import Column, Relation

#: The types that are a moment.
TIMESTAMPS = (
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
_SPELLED_ALIKE = (
    *exp.DataType.TEXT_TYPES,
    *exp.DataType.INTEGER_TYPES,
    exp.DataType.Type.DECIMAL,
    exp.DataType.Type.BOOLEAN,
    exp.DataType.Type.DATE,
)
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
    if column.type.is_type(*TIMESTAMPS):
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


def canonical(columns: Sequence[Column], dialect: str) -> exp.Expr:
    """Return a text of a row that is the same as long as the row is, to be hashed: cheaper to make than its JSON.

    It holds the values in the order of their columns' names, and begins with a tag of those names and of how JSON
    writes each (text, number or otherwise), so that a renamed column is a change as well. It is made of casts whose
    spelling both warehouses promise; where they do not (floats and nested values on Snowflake), of JSON. A fraction of
    a second counts here and not in the payload: whoever compares hashes looks at the payload before acting on one.

    Two different rows have the same text only where one moves a control character across the border of two columns.
    """
    ordered = sorted(columns, key=lambda column: column.name)
    shape = ";".join(f"{column.name}:{_json_kind(column)}" for column in ordered)
    parts: list[exp.Expr] = [exp.Literal.string(md5(shape.encode(), usedforsecurity=False).hexdigest()[:8])]
    parts += [exp.func("coalesce", _plain_text(column, dialect), _character(30)) for column in ordered]
    return exp.Anonymous(this="concat_ws", expressions=[_character(31), *parts])


def _plain_text(column: Column, dialect: str) -> exp.Expr:
    value = column.expression()
    if dialect == "snowflake" and column.type.is_type(*TIMESTAMPS):
        return _json_value(column, dialect)
    if dialect == "snowflake" and not column.type.is_type(*_SPELLED_ALIKE):
        return exp.func("to_json", exp.Anonymous(this="to_variant", expressions=[value]), dialect=dialect)
    return text(value)


def _json_kind(column: Column) -> str:
    if column.type.is_type(exp.DataType.Type.BOOLEAN):
        return "boolean"
    return "number" if column.type.is_type(*exp.DataType.NUMERIC_TYPES) else "text"


def _character(code: int) -> exp.Expr:
    return exp.Anonymous(this="chr", expressions=[exp.Literal.number(code)])


def md5_numbers(value: exp.Expr, dialect: str) -> tuple[exp.Expr, exp.Expr]:
    """Return the lower and the upper half of a text's MD5 as whole numbers below 2^64."""
    names = ("lower64", "upper64") if dialect == "snowflake" else ("lower", "upper")
    lower, upper = (exp.Anonymous(this=f"md5_number_{name}", expressions=[value.copy()]) for name in names)
    return lower, upper


def hits(query: exp.Select, value: exp.Expr, name: str, listed: exp.Expr, dialect: str) -> tuple[exp.Select, exp.Expr]:
    """Return the query and a condition in it that tells, for every row, whether a list holds a value.

    The list may hold a value twice, or null: no row is repeated, and the condition is never null.

    Args:
        query: The query whose rows are looked up.
        value: What to look up, as text.
        name: A name for the list, unlike any other in the query.
        listed: A query of one column, the list.
        dialect: The warehouse's. DuckDB answers ``in`` with one join that need not make the list distinct first;
            Snowflake promises such a question only in a ``where``.
    """
    [column] = cast("exp.Select", listed).selects
    entry = exp.column(column.alias_or_name)
    if dialect == "duckdb":
        found = cast("exp.Select", listed).where(entry.is_(exp.null()).not_())
        return query, exp.func("coalesce", exp.In(this=value, query=exp.Subquery(this=found)), exp.false())
    distinct = cast("exp.Select", listed).distinct()
    held = exp.column(column.alias_or_name, table=name)
    joined_in = query.join(distinct.subquery(name), on=held.eq(value), join_type="left")
    return joined_in, held.copy().is_(exp.null()).not_()
