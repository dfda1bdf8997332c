"""SQL: a table in PostgreSQL, Snowflake or DuckDB, brought in step by one merge and one transaction a batch.

Written from the databases' own documentation of ``merge``. What a batch holds is either all there or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import ClassVar

from sqlglot import exp

from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Destination,
    Family,
    Limits,
    Member,
    Mode,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.policies import ALL
from reverse_etl.destinations.sql import table as tables
from reverse_etl.destinations.sql.batch import apply
from reverse_etl.destinations.sql.errors import CODES, judged
from reverse_etl.destinations.sql.settings import SqlSettings, opened, relation_of
from reverse_etl.destinations.sql.statements import DoesNotFit, merge, removal, rows_to_keep, rows_to_remove
from reverse_etl.errors import BatchRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result
from warehouse.base import Relation, Warehouse
from warehouse.errors import WarehouseError

# Large, because every batch is a transaction; a database sets no pace, so no call waits for its turn.
_LIMITS = Limits(rows=50_000, bytes=32_000_000, calls_per_second=100.0, burst=100)
_PERSON = {"email": "email", "phone": "phone", "phone_number": "phone", "user_id": "user_id", "external_id": "user_id"}


class Sql(Destination):
    """One database."""

    settings: SqlSettings
    name: ClassVar[str] = "sql"
    label: ClassVar[str] = "SQL"
    family: ClassVar[Family] = Family.ANYTHING
    api_version: ClassVar[str] = "SQL:2003 merge"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page("PostgreSQL 16: MERGE", date(2026, 11, 22), "https://www.postgresql.org/docs/16/sql-merge.html"),
    )
    settings_class: ClassVar[type[Settings]] = SqlSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "table": ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.MIRROR, Mode.APPEND}),
            keys=frozenset(),
            columns=frozenset(),
            identifiers=_PERSON,
            limits=dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _LIMITS),
            needs_target=True,
            removal="The row with the key is deleted, whoever inserted it.",
            nulls=ALL,
            lists_members=True,
            counts=True,
            row_errors=RowErrors.WHOLE,
        )
    }

    def check(self, delivery: Delivery) -> None:
        """Look for the table, its columns and their types, the key and the permissions; create it if asked to."""
        with self._table(delivery) as (warehouse, table):
            found = tables.ensure(warehouse, table, delivery, create=self.settings.create)
            columns = tables.chosen(table, found, delivery.fields, delivery.key)
            tables.check(warehouse, table, columns, delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes of a row."""
        return len(row.key) if row.op is Op.REMOVE else len(encode(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Merge a batch into the table, or delete its rows, in one transaction."""
        with self._table(delivery) as (warehouse, table):
            names = frozenset() if op is Op.REMOVE else frozenset(name for row in rows for name in row.payload)
            columns = tables.chosen(table, warehouse.columns(table), names, delivery.key)
            statement: exp.Expr
            if op is Op.REMOVE:
                values, statement = rows_to_remove(rows), removal(table, columns[0], warehouse.dialect)
            else:
                try:
                    values = rows_to_keep(delivery, columns, rows)
                except DoesNotFit:
                    raise BatchRefused("value", CODES["value"].reason) from None
                statement = merge(table, columns, delivery, warehouse.dialect)
            apply(warehouse, table, values, statement)
        return same_result(rows, Outcome.APPLIED)

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the keys of the table."""
        with self._table(delivery) as (warehouse, table):
            [key] = tables.chosen(table, warehouse.columns(table), frozenset(), delivery.key)
            value = exp.cast(exp.column(exp.to_identifier(key.stored, quoted=True)), "text")
            for chunk in warehouse.stream(exp.select(exp.alias_(value, "member")).from_(table.table())):
                yield from (Member(str(row["member"])) for row in chunk if row["member"] is not None)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many rows the table has."""
        with self._table(delivery) as (warehouse, table):
            [(rows,)] = warehouse.tuples(exp.select(exp.Count(this=exp.Star())).from_(table.table()))
            return Count(int(rows), int(rows))

    @contextmanager
    def _table(self, delivery: Delivery) -> Iterator[tuple[Warehouse, Relation]]:
        """Open the database for what is done with one table, and say what its errors mean."""
        table = relation_of(delivery.target, self.settings)
        self.traffic.calls += 1
        try:
            with opened(self.settings, table.schema) as warehouse:
                yield warehouse, _qualified(warehouse, table)
        except WarehouseError as error:
            raise judged(error) from error


def _qualified(warehouse: Warehouse, table: Relation) -> Relation:
    """Return a table with its database: DuckDB names that after the file, and a schema may be called alike."""
    if warehouse.dialect != "duckdb":
        return table
    [(database,)] = warehouse.tuples("select current_database()")
    return Relation(table.schema, table.name, str(database))
