"""Snowflake: the warehouse at scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, cast

import orjson
import snowflake.connector
from snowflake.connector import errors
from sqlglot import exp, parse_one

from warehouse.base import VALUES, Column, Relation, Sql, Values, Warehouse, as_rows, column_names
from warehouse.errors import WarehouseError

#: What dbt's Snowflake profile and the connector call by the same name.
_CONNECT = (
    "account", "user", "password", "role", "warehouse", "database", "schema", "authenticator", "token", "host", "port",
    "protocol", "private_key_file", "private_key_file_pwd", "session_parameters", "network_timeout", "passcode",
)  # fmt: skip
#: Errors about a value rather than about a statement, by Snowflake's numbers ("Numeric value '...' is not recognized").
_QUOTING = range(100_032, 100_200)
_RENAMED = {"private_key_path": "private_key_file", "private_key_passphrase": "private_key_file_pwd"}
_BATCH = 20_000  #: rows inserted by one statement
_BINDING = 8_000_000  #: bytes in one bound value; Snowflake takes 16 MB (Data types, "VARCHAR", read 2026-07)


#: The elements of a JSON array that is bound to the statement.
_ELEMENTS = cast("exp.Select", parse_one("select 1 from table(flatten(input => parse_json(?)))", dialect="snowflake"))


class SnowflakeWarehouse(Warehouse):
    """A Snowflake session.

    Args:
        output: The chosen output of the dbt profile.

    Raises:
        WarehouseError: The account cannot be reached or does not let us in.
    """

    dialect = "snowflake"

    def __init__(self, output: dict[str, Any]) -> None:
        settings = {_RENAMED.get(name, name): value for name, value in output.items() if value not in ("", None)}
        missing = [name for name in ("account", "user", "database", "schema") if name not in settings]
        self._where = f"Snowflake account {settings.get('account', '(none)')}, user {settings.get('user', '(none)')}"
        if missing:
            raise WarehouseError(
                f"The Snowflake profile is not complete: {', '.join(missing)} missing.",
                where="profiles.yml, target snowflake",
                fix="set "
                + ", ".join(f"SNOWFLAKE_{name.upper()}" for name in missing)
                + " in the environment or in .env",
            )
        self.schema = str(settings["schema"])
        self.database: str = str(settings["database"])
        arguments: dict[str, Any] = {name: settings[name] for name in _CONNECT if name in settings}
        arguments["session_parameters"] = {"TIMEZONE": "UTC"} | arguments.get("session_parameters", {})
        # The schema may not exist before the first dbt build, and every statement here names its own.
        arguments.pop("schema")
        try:
            self._connection = snowflake.connector.connect(
                **arguments,
                application="weft",
                login_timeout=int(settings.get("login_timeout", 30)),
                paramstyle="qmark",
            )
        except errors.Error as error:
            raise WarehouseError(
                f"Snowflake does not let us in: {_words(error)}",
                where=self._where,
                fix="check SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD and SNOWFLAKE_ROLE, and the network",
            ) from error

    def query(self, sql: Sql, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query and return all of its rows."""
        with self._explained(), self._connection.cursor() as cursor:
            cursor.execute(self.render(sql), tuple(params) or None)
            return as_rows(column_names(cursor), cursor.fetchall())

    def tuples(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all of its rows as tuples."""
        with self._explained(), self._connection.cursor() as cursor:
            cursor.execute(self.render(sql))
            return cursor.fetchall()

    def stream(self, sql: Sql, size: int = 10_000, params: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
        """Run a query and yield its rows in lists as the result's chunks are downloaded."""
        with self._connection.cursor() as cursor:
            with self._explained():
                cursor.execute(self.render(sql), tuple(params) or None)
                names = column_names(cursor)
            while True:
                with self._explained():
                    chunk = cursor.fetchmany(size)
                if not chunk:
                    return
                yield as_rows(names, chunk)

    def execute(self, sql: Sql, params: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        with self._explained(), self._connection.cursor() as cursor:
            cursor.execute(self.render(sql), tuple(params) or None)
            return int(cursor.rowcount or 0)

    def execute_with(self, values: Values, sql: exp.Expr) -> int:
        """Run an insert that reads Python's rows: they travel as one bound JSON text, which the statement takes apart.

        That is far fewer bytes and far less to parse than a statement with every value written out.
        """
        elements = [exp.alias_(_element(place, kind), name) for place, (name, kind) in enumerate(values.types.items())]
        read = _ELEMENTS.select(*elements, append=False)
        filled = sql.copy()
        for table in list(filled.find_all(exp.Table)):
            if table.name == VALUES and not table.db:
                table.replace(read.subquery(table.alias or VALUES))
        return self._bind(self.render(filled), list(zip(*values.columns, strict=True)))

    def insert(self, table: Relation, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows, some ten thousand with each statement, as :meth:`execute_with` does."""
        # As text: an insert turns it into what the column holds.
        elements = [_element(place, "varchar") for place in range(len(columns))]
        into = [exp.to_identifier(column) for column in columns]
        read = _ELEMENTS.select(*elements, append=False)
        statement = self.render(exp.insert(read, table.table(), columns=into))
        total, remaining = 0, iter(rows)
        while chunk := list(islice(remaining, _BATCH)):
            self._bind(statement, chunk)
            total += len(chunk)
        return total

    def _bind(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement with the rows bound as JSON, halved until they fit."""
        document = orjson.dumps(rows, default=str)
        if len(document) > _BINDING and len(rows) > 1:
            middle = len(rows) // 2
            return self._bind(statement, rows[:middle]) + self._bind(statement, rows[middle:])
        return self.execute(statement, (document.decode(),))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything at the end, or nothing when it raises."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(WarehouseError):  # a session that is lost is rolled back by Snowflake
                self.execute("rollback")
            raise
        self.execute("commit")

    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation in their order."""
        schema = exp.table_("columns", db="information_schema", catalog=relation.database or self.database)
        found = self.query(
            exp.select("column_name", "data_type", "numeric_precision", "numeric_scale")
            .from_(schema)
            .where(
                exp.func("lower", exp.column("table_schema")).eq(relation.schema.lower()),
                exp.func("lower", exp.column("table_name")).eq(relation.name.lower()),
            )
            .order_by("ordinal_position")
        )
        return [
            Column(
                stored.lower() if stored.isupper() else stored,
                stored,
                exp.DataType.build(_type(row), dialect="snowflake", udt=True),
            )
            for row in found
            for stored in [str(row["column_name"])]
        ]

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except errors.Error as error:
            raise WarehouseError(
                f"Snowflake refused a statement: {_words(error)}",
                where=self._where,
                fix="if a relation or a column is missing, run `dbt build`; if a privilege is, ask for it",
            ) from error


def _type(column: dict[str, Any]) -> str:
    """Return a column's type as the information schema has it, numbers with their digits, or they would be whole."""
    name, precision, scale = (column[field] for field in ("data_type", "numeric_precision", "numeric_scale"))
    return f"NUMBER({precision}, {scale})" if name == "NUMBER" and precision and scale is not None else str(name)


def _element(place: int, kind: str) -> exp.Expr:
    """Return one value of a row that was bound as JSON; JSON's null comes out as the warehouse's."""
    return exp.cast(exp.Bracket(this=exp.column("value"), expressions=[exp.Literal.number(place)]), kind)


def _words(error: errors.Error) -> str:
    """Return the first line of an error, or its number alone where it quotes the value that it stumbled over."""
    number = error.errno if error.errno and error.errno > 0 else 0
    if number in _QUOTING:
        return f"a value does not fit its type or its column ({number})"
    text = (error.raw_msg or str(error)).strip().split("\n", 1)[0]
    return f"{text} ({number})" if number else text
