"""A table that is looked at before the first batch: is it there, does it have the columns, may it be written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from reverse_etl.destinations.base import Delivery, Mode
from reverse_etl.destinations.sql.batch import rehearse
from reverse_etl.destinations.sql.statements import creation, merge, removal
from reverse_etl.errors import DestinationRefused
from reverse_etl.kinds import Kind, kind_of
from warehouse.base import Column, Relation, Warehouse

_SCALAR = frozenset({Kind.TEXT, Kind.JSON})
#: What kinds of column take a kind of value; a text may be spelled as anything.
_TAKES: Mapping[Kind, frozenset[Kind]] = {
    Kind.TEXT: frozenset(Kind),
    Kind.INTEGER: _SCALAR | {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT},
    Kind.DECIMAL: _SCALAR | {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT},
    Kind.FLOAT: _SCALAR | {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT},
    Kind.BOOLEAN: _SCALAR | {Kind.BOOLEAN},
    Kind.DATE: _SCALAR | {Kind.DATE, Kind.TIMESTAMP},
    Kind.TIMESTAMP: _SCALAR | {Kind.TIMESTAMP},
    Kind.JSON: _SCALAR,
}


def ensure(warehouse: Warehouse, table: Relation, delivery: Delivery, *, create: bool) -> list[Column]:
    """Return the columns of a table that is there, or by now is.

    Raises:
        DestinationRefused: It is not there, and is not to be created.
        WarehouseError: The database refuses to create it.
    """
    found = warehouse.columns(table)
    if found:
        return found
    if not create:
        raise DestinationRefused(
            f"There is no table {table}, or the user may not see it.",
            where="the exposure's sync block, field target",
            fix="create it, grant the user to read and write it, or set create: true in the connection",
        )
    kinds = {name: delivery.types.get(name, Kind.TEXT) for name in {*delivery.fields, delivery.key}}
    if kinds[delivery.key] in (Kind.JSON, Kind.FLOAT):
        kinds[delivery.key] = Kind.TEXT
    warehouse.execute(creation(table, kinds, delivery.key, warehouse.dialect))
    return warehouse.columns(table)


def chosen(table: Relation, columns: Sequence[Column], names: frozenset[str], key: str) -> list[Column]:
    """Return the table's columns that the feed has, the key first.

    Raises:
        DestinationRefused: The table lacks some.
    """
    by_name = {column.name.lower(): column for column in columns}
    wanted = [key, *sorted(names - {key})]
    missing = [name for name in wanted if name.lower() not in by_name]
    if missing:
        raise DestinationRefused(
            f"The table {table} lacks {', '.join(missing)}.",
            where=f"{table}, which has: {', '.join(column.name for column in columns)}",
            fix="add the columns to the table, or leave them out of the feed",
        )
    # They are called as the feed calls them from here on.
    return [Column(name, by_name[name.lower()].stored, by_name[name.lower()].type) for name in wanted]


def check(warehouse: Warehouse, table: Relation, columns: Sequence[Column], delivery: Delivery) -> None:
    """Look whether the table can be brought in step: types, key, and permissions, without changing anything.

    Raises:
        DestinationRefused: It cannot; the message has every reason that is known.
        WarehouseError: The database refuses the statements, for want of a permission, for example.
    """
    wrong = [*_wrong_types(columns, delivery)]
    if wrong:
        raise DestinationRefused(
            f"The table {table} has columns of types that do not go with the feed: {'; '.join(wrong)}.",
            where="the exposure's sync block, field target",
            fix="alter the table's columns, or cast those of the feed",
        )
    key = columns[0]
    value = exp.column(exp.to_identifier(key.stored, quoted=True))
    counts = exp.select(exp.Count(this=value), exp.Count(this=exp.Distinct(expressions=[value.copy()])))
    [(rows, different)] = warehouse.tuples(counts.from_(table.table()))
    if rows != different:
        raise DestinationRefused(
            f"The key {key.name} is not unique in {table}: {rows - different} rows repeat that of another.",
            where="the exposure's sync block, field key",
            fix="choose another key, or take the repeated rows out of the table",
        )
    types = dict.fromkeys([*(f"c_{place}" for place in range(len(columns))), "emptied"], "varchar")
    rehearse(warehouse, table, types, merge(table, columns, delivery, warehouse.dialect))
    if delivery.mode is Mode.MIRROR:
        rehearse(warehouse, table, {"c_0": "varchar"}, removal(table, key, warehouse.dialect))


def _wrong_types(columns: Sequence[Column], delivery: Delivery) -> Iterator[str]:
    for column in columns:
        held = kind_of(column.type)
        sent = delivery.types.get(column.name)
        if held is None:
            yield f"{column.name} is {column.type.sql()}, which is not filled"
        elif sent is not None and held not in _TAKES[sent]:
            yield f"{column.name} is a {held} there and a {sent} in the feed"
