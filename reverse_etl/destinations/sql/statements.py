"""The statements that bring a table in step: built by sqlglot, one for rows that stay and one for rows that go.

They read the batch as the table ``weft_values``, text by text: ``c_0`` is the key, ``c_1`` and on are the others, and
``emptied`` names, as ``|1|4|``, the columns that are to be empty. A column that has no value and is not named
there stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from reverse_etl.destinations.base import Delivery, NullPolicy
from reverse_etl.destinations.policies import written
from reverse_etl.kinds import Kind, kind_of
from reverse_etl.rows import Row
from warehouse.base import VALUES, Column, Relation, Values

GIVEN, HELD = "given", "held"
_EMPTIED = "emptied"
_EXACT = 2.0**53
#: The type that a column of a kind gets where weft creates the table.
TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "decimal(38, 10)",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz",
    Kind.JSON: "json",
}


class DoesNotFit(ValueError):
    """A value that a column would hold in another form than it was given, or not at all."""


def merge(table: Relation, columns: Sequence[Column], delivery: Delivery, dialect: str) -> exp.Merge:
    """Return the statement that adds rows and changes those that are there.

    Args:
        table: Where to.
        columns: The table's columns that the feed has, the key first.
        delivery: Says what an empty value does.
        dialect: The database's.
    """
    key, *others = columns
    values = [_value(place, column, dialect) for place, column in enumerate(columns)]
    updates: list[exp.Expr] = []
    for place, column in enumerate(others, 1):
        held = exp.column(exp.to_identifier(column.stored, quoted=True), table=HELD)
        if delivery.policy(column.name) is NullPolicy.SET_IF_EMPTY:
            now: exp.Expr = exp.func("coalesce", held, values[place].copy())
        else:
            is_emptied = exp.column(_EMPTIED, table=GIVEN).like(exp.Literal.string(f"%|{place}|%"))
            now = exp.case().when(is_emptied, exp.null()).else_(exp.func("coalesce", values[place].copy(), held))
        updates.append(exp.EQ(this=_bare(column), expression=now))
    insert = exp.Insert(
        this=exp.Tuple(expressions=[_bare(column) for column in columns]),
        expression=exp.Tuple(expressions=[value.copy() for value in values]),
    )
    whens = [exp.When(matched=False, then=insert)]
    if updates:
        whens.insert(0, exp.When(matched=True, then=exp.Update(expressions=updates)))
    return exp.merge(
        *whens,
        into=table.table(HELD),
        using=exp.table_(VALUES, alias=GIVEN),
        on=exp.column(exp.to_identifier(key.stored, quoted=True), table=HELD).eq(values[0].copy()),
    )


def removal(table: Relation, key: Column, dialect: str) -> exp.Delete:
    """Return the statement that deletes rows by their key."""
    gone = exp.select(_value(0, key, dialect)).from_(exp.table_(VALUES, alias=GIVEN))
    return exp.delete(table.table()).where(exp.In(this=_bare(key), query=exp.Subquery(this=gone)))


def creation(table: Relation, kinds: Mapping[str, Kind], key: str, dialect: str) -> exp.Create:
    """Return the statement that creates a table with a column for each of the feed's."""
    ordered = [key, *sorted(set(kinds) - {key})]
    definitions = [
        exp.ColumnDef(
            # Quoted, because it may be a word of SQL's; in the case in which Snowflake keeps what is not.
            this=exp.to_identifier(name.upper() if dialect == "snowflake" else name, quoted=True),
            kind=exp.DataType.build(TYPES[kinds[name]]),
            constraints=[exp.ColumnConstraint(kind=exp.PrimaryKeyColumnConstraint())] if name == key else [],
        )
        for name in ordered
    ]
    schema = exp.Schema(this=table.table(), expressions=definitions)
    return exp.Create(this=schema, kind="TABLE", exists=True)


def rows_to_keep(delivery: Delivery, columns: Sequence[Column], rows: Sequence[Row]) -> Values:
    """Return rows as :func:`merge` reads them.

    Raises:
        DoesNotFit: A value of one of them does not fit its column.
    """
    _, *others = columns
    kinds = [kind_of(column.type) for column in others]
    found: list[list[str | None]] = [[] for _ in columns]
    emptied: list[str | None] = []
    for row in rows:
        values = written(delivery, row)
        found[0].append(row.key)
        gone = ""
        for place, (column, kind) in enumerate(zip(others, kinds, strict=True), 1):
            value = values.get(column.name)
            found[place].append(None if value is None else spelled(value, kind))
            if value is None and column.name in values:
                gone += f"{place}|"
        emptied.append(f"|{gone}" if gone else None)
    types = {f"c_{place}": "varchar" for place in range(len(columns))} | {_EMPTIED: "varchar"}
    return Values(types, [*found, emptied])


def rows_to_remove(rows: Sequence[Row]) -> Values:
    """Return rows as :func:`removal` reads them."""
    return Values({"c_0": "varchar"}, [[row.key for row in rows]])


def spelled(value: Any, kind: Kind | None) -> str:
    """Return a value as a text that the column's type is read from.

    Raises:
        DoesNotFit: The database would round it, or turn it into something else, without a word.
    """
    if kind is Kind.JSON:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        if kind not in (Kind.BOOLEAN, Kind.TEXT):
            raise DoesNotFit
        return "true" if value else "false"
    if kind is Kind.BOOLEAN and not isinstance(value, str):
        raise DoesNotFit
    if isinstance(value, float) and kind is Kind.INTEGER:
        if not value.is_integer() or abs(value) > _EXACT:
            raise DoesNotFit
        return str(int(value))
    if kind is Kind.INTEGER and isinstance(value, str) and not value.strip().lstrip("+-").isdigit():
        raise DoesNotFit
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _value(place: int, column: Column, dialect: str) -> exp.Expr:
    """Return a value of the batch as the column's type; texts stay as they are, because a cast would cut them short."""
    given = exp.column(f"c_{place}", table=GIVEN)
    kind = kind_of(column.type)
    if kind is Kind.JSON and dialect == "snowflake":
        return exp.Anonymous(this="parse_json", expressions=[given])
    if kind is Kind.TEXT and column.type.this in exp.DataType.TEXT_TYPES:
        return given
    return exp.cast(given, column.type.copy())


def _bare(column: Column) -> exp.Column:
    return exp.column(exp.to_identifier(column.stored, quoted=True))
