"""What the rest of weft knows about a warehouse: relations, columns, and what one can do with a connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

from sqlglot import exp

Sql: TypeAlias = "exp.Expr | str"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view, as dbt names it.

    Attributes:
        schema: Its schema.
        name: Its name.
        database: Its database; left out on DuckDB for the open file, which is the database.
    """

    schema: str
    name: str
    database: str | None = None

    def table(self, alias: str | None = None) -> exp.Table:
        """Return the relation as a sqlglot table, to select from."""
        return exp.table_(self.name, db=self.schema, catalog=self.database, alias=alias)

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.name) if part)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation.

    Attributes:
        name: How weft and the destinations call it: lower case unless it was created in mixed case.
        stored: How the warehouse spells it, to be quoted.
        type: Its type, parsed by sqlglot.
    """

    name: str
    stored: str
    type: exp.DataType

    def expression(self, table: str | None = None) -> exp.Column:
        """Return the column as a sqlglot expression."""
        return exp.column(exp.to_identifier(self.stored, quoted=True), table=table)


VALUES = "weft_values"  #: the name under which a statement reads :class:`Values`


@dataclass(frozen=True, slots=True)
class Values:
    """Rows that Python holds, for a statement to read as the table ``weft_values``.

    Attributes:
        types: Name and type of each column: ``bigint`` or ``varchar``.
        columns: The values, column by column, all of one length.
    """

    types: Mapping[str, str]
    columns: Sequence[Sequence[Any]]


class Warehouse(ABC):
    """One open connection to the warehouse. A context manager; closing it ends everything that it started.

    Rows come back as dictionaries with lower-case names. SQL is a sqlglot expression, rendered in the warehouse's
    dialect; a string is sent as it stands.
    """

    dialect: str
    schema: str
    database: str | None

    @property
    def engine_schema(self) -> str:
        """The schema of the engine's own tables."""
        return f"{self.schema}_engine"

    def render(self, sql: Sql) -> str:
        """Return the SQL text in this warehouse's dialect."""
        return sql if isinstance(sql, str) else sql.sql(dialect=self.dialect)

    @abstractmethod
    def query(self, sql: Sql, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query and return all of its rows: for small answers.

        Raises:
            WarehouseError: The warehouse refused the statement.
        """

    @abstractmethod
    def tuples(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all of its rows as tuples: for pages of many rows.

        Raises:
            WarehouseError: The warehouse refused the statement.
        """

    @abstractmethod
    def stream(self, sql: Sql, size: int = 10_000, params: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
        """Run a query and yield its rows in lists of at most ``size``, in flat memory.

        It reads beside the connection's own statements, so it sees what is committed when it starts, and other
        statements may run while it is being read.

        Raises:
            WarehouseError: The warehouse refused the statement.
        """

    @abstractmethod
    def execute(self, sql: Sql, params: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed, where the warehouse tells.

        Raises:
            WarehouseError: The warehouse refused the statement.
        """

    @abstractmethod
    def execute_with(self, values: Values, sql: exp.Expr) -> int:
        """Run an insert that reads rows of Python's as the table ``weft_values``; return how many rows it wrote.

        Many rows may take several statements, so where all or none count, call it in a transaction.

        Raises:
            WarehouseError: The warehouse refused the statement.
        """

    @abstractmethod
    def insert(self, table: Relation, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows in bulk, in flat memory, and return how many there were.

        Raises:
            WarehouseError: The warehouse refused them.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which everything is committed at the end, or nothing when it raises."""

    @abstractmethod
    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation in their order; an empty list when there is no such relation."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def column_names(cursor: Any) -> list[str]:
    """Return the lower-case names of the columns of a DB-API cursor's result; none where it has no result."""
    return [column[0].lower() for column in cursor.description or []]


def as_rows(names: Sequence[str], found: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return tuples as dictionaries."""
    return [dict(zip(names, row, strict=True)) for row in found]
