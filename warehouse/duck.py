"""DuckDB: the warehouse embedded in one file, which one process at a time may write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from warehouse.base import VALUES, Column, Relation, Sql, Values, Warehouse, as_rows, column_names
from warehouse.errors import WarehouseError

_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")
_BATCH = 50_000
#: Errors about a value rather than about a statement.
_QUOTING = (
    duckdb.ConversionException,
    duckdb.ConstraintException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)
_ARROW = {"bigint": pa.int64(), "varchar": pa.string()}
# DuckDB's own 16 MB would write every few thousand rows of a sync to their place in the file, and each of those columns
# whole: five times the work. What is not in its place yet is in memory and in the log beside the file.
_CHECKPOINT = "128MB"


class DuckWarehouse(Warehouse):
    """A DuckDB file.

    Args:
        path: The file; it must exist, unless it is ``:memory:``.
        schema: The target schema of the dbt profile.
        settings: DuckDB settings to apply, as in the profile.

    Raises:
        WarehouseError: The file is missing, is held by another process, or is not a DuckDB file.
    """

    dialect = "duckdb"
    database = None

    def __init__(self, path: str, schema: str, settings: dict[str, Any] | None = None) -> None:
        self.schema = schema
        self.path = path
        if path != ":memory:" and not Path(path).exists():
            raise WarehouseError(
                "There is no warehouse file yet.",
                where=path,
                fix="run `make demo`, or `dbt build` with your own data, or set WEFT_DUCKDB_PATH to the file you mean",
            )
        try:
            self._connection = duckdb.connect(path)
        except duckdb.Error as error:
            raise _unreachable(path, error) from error
        for name, value in ({"checkpoint_threshold": _CHECKPOINT} | (settings or {})).items():
            self.execute(exp.Set(expressions=[exp.SetItem(this=exp.column(name).eq(exp.convert(value)))]))

    def attach(self, path: str, name: str) -> None:
        """Open one more DuckDB file under a name, to be read only: no statement can change it.

        Raises:
            WarehouseError: It is missing, is held by another process, or is not a DuckDB file.
        """
        named = exp.alias_(exp.Literal.string(path), name, quoted=True)
        read_only = exp.AttachOption(this=exp.var("READ_ONLY"))
        try:
            self._connection.execute(self.render(exp.Attach(this=named, expressions=[read_only])))
        except duckdb.Error as error:
            raise _unreachable(path, error) from error

    def query(self, sql: Sql, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query and return all of its rows."""
        with self._explained():
            cursor = self._connection.execute(self.render(sql), list(params))
            return as_rows(column_names(cursor), cursor.fetchall())

    def tuples(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all of its rows as tuples."""
        with self._explained():
            return self._connection.execute(self.render(sql)).fetchall()

    def stream(self, sql: Sql, size: int = 10_000, params: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
        """Run a query on a connection of its own and yield its rows in lists."""
        with self._connection.cursor() as cursor:
            with self._explained():
                cursor.execute(self.render(sql), list(params))
                names = column_names(cursor)
            while True:
                with self._explained():
                    chunk = cursor.fetchmany(size)
                if not chunk:
                    return
                yield as_rows(names, chunk)

    def execute(self, sql: Sql, params: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        with self._explained():
            rows = self._connection.execute(self.render(sql), list(params)).fetchall()
        counted = len(rows) == 1 and len(rows[0]) == 1 and isinstance(rows[0][0], int)
        return int(rows[0][0]) if counted else 0

    def execute_with(self, values: Values, sql: exp.Expr) -> int:
        """Run an insert that reads Python's rows, which DuckDB scans where they are."""
        arrays = [
            pa.array(column, _ARROW[kind]) for kind, column in zip(values.types.values(), values.columns, strict=True)
        ]
        with self._explained():
            self._connection.register(VALUES, pa.table(arrays, names=list(values.types)))
            try:
                return self.execute(sql)
            finally:
                with suppress(duckdb.Error):  # an aborted transaction refuses it, and hides why it was aborted
                    self._connection.unregister(VALUES)

    def insert(self, table: Relation, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows through Arrow, some ten thousand at a time."""
        names = [exp.column(column, quoted=True) for column in columns]
        into = [exp.to_identifier(column, quoted=True) for column in columns]
        statement = exp.insert(exp.select(*names).from_("weft_rows"), table.table(), columns=into)
        total, remaining = 0, iter(rows)
        while chunk := list(islice(remaining, _BATCH)):
            with self._explained():
                self._connection.register(
                    "weft_rows", pa.table(dict(zip(columns, zip(*chunk, strict=True), strict=True)))
                )
                try:
                    self._connection.execute(self.render(statement)).fetchall()
                finally:
                    self._connection.unregister("weft_rows")
            total += len(chunk)
        return total

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything at the end, or nothing when it raises."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            # What went wrong is worth more than that a database which a full disk has closed cannot be rolled back.
            with suppress(duckdb.Error):
                self._connection.rollback()
            raise
        with self._explained():
            self._connection.commit()

    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation in their order."""
        schema = exp.table_("columns", db="information_schema")
        found = self.query(
            exp.select("column_name", "data_type")
            .from_(schema)
            .where(
                exp.column("table_catalog").eq(relation.database or exp.func("current_database")),
                exp.func("lower", exp.column("table_schema")).eq(relation.schema.lower()),
                exp.func("lower", exp.column("table_name")).eq(relation.name.lower()),
            )
            .order_by("ordinal_position")
        )
        return [
            Column(
                row["column_name"], row["column_name"], exp.DataType.build(row["data_type"], dialect="duckdb", udt=True)
            )
            for row in found
        ]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise WarehouseError(
                f"DuckDB refused a statement: {_first_line(error)}",
                where=self.path,
                fix="if a relation or a column is missing, run `dbt build`; if the disk is full, make room; if memory "
                "ran out, raise memory_limit in profiles.yml",
            ) from error


def _first_line(error: BaseException) -> str:
    """Return the first line of an error, or its kind alone where it quotes the value that it stumbled over."""
    return type(error).__name__ if isinstance(error, _QUOTING) else str(error).split("\n", 1)[0]


def _unreachable(path: str, error: duckdb.Error) -> WarehouseError:
    holder = _HOLDER.search(str(error))
    if holder:
        return WarehouseError(
            f"The warehouse file is in use by process {holder['pid']} ({holder['program']}); "
            "DuckDB lets one process write at a time.",
            where=path,
            fix=f"wait for it to finish, or end it (`ps -p {holder['pid']}` shows what it is); "
            "a notebook, a `duckdb` shell or a running Dagster step are the usual holders",
        )
    return WarehouseError(
        f"The warehouse file cannot be opened: {_first_line(error)}",
        where=path,
        fix="check that the file is a DuckDB database of version 2.0 or older and that you may read and write it",
    )
