"""PostgreSQL, as a place to deliver to; weft's models do not run there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlglot import exp

from warehouse.base import VALUES, Column, Relation, Sql, Values, Warehouse, as_rows, column_names
from warehouse.errors import ConfigError, WarehouseError

try:
    import psycopg
except ImportError as missing:
    raise ConfigError(
        "PostgreSQL needs a package that is not installed.",
        where="connections.yml, engine postgres",
        fix='pip install "weft[postgres]"',
    ) from missing

_COLUMNS = """
select attribute.attname as name, format_type(attribute.atttypid, attribute.atttypmod) as type
from pg_catalog.pg_attribute as attribute
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
"""
_OLDEST = 150_000
#: Classes of SQLSTATE whose messages quote values: data exceptions and broken constraints.
_QUOTING = ("22", "23")


class PostgresWarehouse(Warehouse):
    """A session on a PostgreSQL server, version 15 or newer.

    Args:
        output: ``host``, ``port``, ``user``, ``password``, ``dbname``, ``schema`` and any other setting of libpq.

    Raises:
        WarehouseError: The server cannot be reached or does not let us in.
    """

    dialect = "postgres"
    database = None

    def __init__(self, output: Mapping[str, Any]) -> None:
        self._settings = {name: value for name, value in output.items() if name != "schema"}
        self.schema = str(output.get("schema", "public"))
        self._where = f"PostgreSQL, host {output.get('host', 'localhost')}, database {output.get('dbname', '')}"
        self._connection = self._connect()
        if self._connection.info.server_version < _OLDEST:
            raise WarehouseError(
                f"The server is PostgreSQL {self._connection.info.server_version // 10_000}, which has no `merge`.",
                where=self._where,
                fix="use a server of version 15 or newer",
            )

    def query(self, sql: Sql, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query and return all of its rows."""
        with self._explained():
            cursor = self._connection.execute(self._text(sql), params)
            return as_rows(column_names(cursor), cursor.fetchall())

    def tuples(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all of its rows as tuples."""
        with self._explained():
            return self._connection.execute(self._text(sql)).fetchall()

    def stream(self, sql: Sql, size: int = 10_000, params: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
        """Run a query on a connection of its own and yield its rows in lists."""
        with self._explained(), self._connect(autocommit=False) as connection:
            # A declared cursor leaves at the server what has not been asked for.
            connection.execute(self._text(f"declare weft_stream no scroll cursor for {self.render(sql)}"), params)
            while True:
                cursor = connection.execute(self._text(f"fetch {int(size)} from weft_stream"))
                chunk = cursor.fetchall()
                if not chunk:
                    return
                yield as_rows(column_names(cursor), chunk)

    def execute(self, sql: Sql, params: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        with self._explained():
            return max(self._connection.execute(self._text(sql), params).rowcount, 0)

    def execute_with(self, values: Values, sql: exp.Expr) -> int:
        """Run a statement that reads Python's rows: each column travels as one bound array."""
        kinds = {"bigint": "bigint", "varchar": "text"}
        arrays: list[exp.Expr] = [
            exp.cast(exp.Parameter(this=exp.Literal.number(place)), f"{kinds[kind]}[]", dialect="postgres")
            for place, kind in enumerate(values.types.values(), 1)
        ]
        read = exp.Anonymous(this="unnest", expressions=arrays)
        filled = sql.copy()
        for table in list(filled.find_all(exp.Table)):
            if table.name == VALUES and not table.db:
                names = [exp.to_identifier(name) for name in values.types]
                alias = exp.TableAlias(this=exp.to_identifier(table.alias or VALUES), columns=names)
                table.replace(exp.Table(this=read.copy(), alias=alias))
        return self.execute(filled, [list(column) for column in values.columns])

    def insert(self, table: Relation, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows by ``copy``."""
        into = exp.Schema(this=table.table(), expressions=[exp.to_identifier(name, quoted=True) for name in columns])
        total = 0
        with (
            self._explained(),
            self._connection.cursor() as cursor,
            cursor.copy(self._text(f"copy {into.sql('postgres')} from stdin")) as copy,
        ):
            for row in rows:
                copy.write_row(row)
                total += 1
        return total

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything at the end, or nothing when it raises."""
        with self._explained(), self._connection.transaction():
            yield

    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation in their order, with their types as PostgreSQL writes them."""
        found = self.query(_COLUMNS, [relation.table().sql("postgres")])
        return [
            Column(row["name"], row["name"], exp.DataType.build(row["type"], dialect="postgres", udt=True))
            for row in found
        ]

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def _connect(self, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
        with self._explained("does not let us in"):
            return psycopg.connect(
                **self._settings,
                autocommit=autocommit,
                connect_timeout=10,
                application_name="weft",
                cursor_factory=psycopg.RawCursor,
            )

    def _text(self, sql: Sql) -> bytes:
        return self.render(sql).encode()

    @contextmanager
    def _explained(self, doing: str = "refused a statement") -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise WarehouseError(
                f"PostgreSQL {doing}: {_words(error)}",
                where=self._where,
                fix="if a relation or a column is missing, create it; if a privilege is, ask for it",
            ) from error


def _words(error: psycopg.Error) -> str:
    """Return the first line of an error, or its code alone where it quotes the value that it stumbled over."""
    code = error.sqlstate or ""
    if code[:2] in _QUOTING:
        return f"a value does not fit its type, its column or a constraint ({code})"
    text = (error.diag.message_primary or str(error)).strip().split("\n", 1)[0]
    return f"{text} ({code})" if code else text
