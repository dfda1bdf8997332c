"""One batch, one transaction: it is there whole, or not at all."""

from __future__ import annotations

from uuid import uuid4

from sqlglot import exp

from reverse_etl.destinations.sql.errors import judged
from warehouse.base import VALUES, Relation, Values, Warehouse
from warehouse.errors import WarehouseError


class _NoChange(Exception):
    """Ends a transaction that is not to change anything."""


def apply(warehouse: Warehouse, table: Relation, values: Values, statement: exp.Expr) -> None:
    """Run a statement over a batch and commit it.

    Raises:
        AmbiguousCall: The commit broke.
        BatchRefused: A row of the batch does not go into the table.
        DestinationDown: The database took nothing.
        DestinationRefused: The database will take nothing until a person acts.
    """
    committing = False
    try:
        staged = _staged(warehouse, table, values, statement)
        with warehouse.transaction():
            _run(warehouse, values, staged)
            committing = True
    except WarehouseError as error:
        raise judged(error, committing=committing) from error


def rehearse(warehouse: Warehouse, table: Relation, types: dict[str, str], statement: exp.Expr) -> None:
    """Run a statement over no rows and take it back: a database looks at permissions and types all the same.

    Raises:
        WarehouseError: The database refuses it.
    """
    nobody = Values(types, [[] for _ in types])
    staged = _staged(warehouse, table, nobody, statement)
    try:
        with warehouse.transaction():
            _run(warehouse, nobody, staged)
            raise _NoChange
    except _NoChange:
        return


def _staged(warehouse: Warehouse, table: Relation, values: Values, statement: exp.Expr) -> list[exp.Expr]:
    """Return the statements of a batch, the first of which reads it.

    To Snowflake a batch travels in pieces of some megabytes, so there it is put together in a temporary table first.
    That is made before the transaction, which every definition would end, and goes with the session.
    """
    if warehouse.dialect != "snowflake":
        return [statement]
    stage = Relation(table.schema, f"weft_{uuid4().hex}", table.database)
    definitions = [
        exp.ColumnDef(this=exp.to_identifier(name), kind=exp.DataType.build("text")) for name in values.types
    ]
    temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
    made = exp.Schema(this=stage.table(), expressions=definitions)
    warehouse.execute(exp.Create(this=made, kind="TABLE", properties=temporary))
    names = [exp.to_identifier(name) for name in values.types]
    fill = exp.insert(
        exp.select(*(exp.column(name) for name in values.types)).from_(VALUES), stage.table(), columns=names
    )
    reading = statement.copy()
    for source in list(reading.find_all(exp.Table)):
        if source.name == VALUES and not source.db:
            source.replace(stage.table(source.alias))
    return [fill, reading]


def _run(warehouse: Warehouse, values: Values, statements: list[exp.Expr]) -> None:
    first, *others = statements
    warehouse.execute_with(values, first)
    for statement in others:
        warehouse.execute(statement)
