"""A Snowflake that answers on this machine: ``fakesnow``'s server, made to take what dbt sends it.

dbt-snowflake and snowflake-connector-python talk to it over HTTP as they talk to Snowflake. The few statements that the
emulator refuses, and Snowflake takes, are rewritten here and nowhere else: no model and no macro knows of it.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any
from unittest.mock import patch

import duckdb
import pyarrow as pa
import sqlglot
import uvicorn
from fakesnow.arrow import timestamp_to_sf_struct
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from fakesnow.instance import GLOBAL_DATABASE_NAME
from fakesnow.server import app, shared_fs
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

from tests.snowflake.translations import Translations, depends_on_tables

# The emulator keeps temporary relations outside any schema, so it refuses a qualified name; dbt stages increments so.
TEMPORARY = re.compile(r"\bcreate(?:\s+or\s+replace)?\s+temp(?:orary)?\s+(table|view)\b", re.IGNORECASE)
# The package hides the module of this name behind its function.
_merges = import_module("fakesnow.transforms.merge")
_plain_candidates = _merges._create_merge_candidates
# The emulator's SQL translator has no word of DuckDB's for these.
MD5_NUMBER = re.compile(r"\bmd5_number_(lower|upper)64\b", re.IGNORECASE)
MERGE = re.compile(r"^\s*(/\*.*?\*/\s*)?merge\s+into\b", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=10_000)
def accept(statement: str) -> str:
    """Return the statement in the form that the emulator understands."""
    if MERGE.match(statement):
        return _qualify_inserted_columns(statement)
    return TEMPORARY.sub(r"create or replace \1", MD5_NUMBER.sub(r"md5_number_\1", statement))


def _qualify_inserted_columns(statement: str) -> str:
    """Say that the values which a merge inserts are the source's; the emulator finds the bare names ambiguous."""
    merge = sqlglot.parse_one(statement, read="snowflake")
    source = merge.args["using"].alias_or_name
    for insert in merge.find_all(exp.Insert):
        for column in insert.expression.find_all(exp.Column):
            if not column.table:
                column.set("table", exp.to_identifier(source))
    return merge.sql(dialect="snowflake")


class Cursor(FakeSnowflakeCursor):
    """The emulator's cursor, which takes what dbt sends, refuses as Snowflake does, and translates a statement once."""

    _translations = Translations()
    _translated: list[exp.Expr] | None = None

    def execute(self, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        """Executes a statement of Snowflake's."""
        statement = accept(command)
        if MERGE.match(statement) and self._conn.schema is None:
            # It merges by way of a table of its own, for which it wants a current schema; Snowflake needs none.
            self._conn._schema = "PUBLIC"
        try:
            if not self._translations.execute(self, statement, kwargs.get("binding_params")):
                self._translated = []
                super().execute(statement, *args, **kwargs)
                if self._translated:
                    self._translations.keep(self, statement, self._translated)
            return self
        except (duckdb.Error, sqlglot.errors.SqlglotError, AssertionError, NotImplementedError, Warning) as error:
            # The server would answer 500, which the connector repeats for minutes; Snowflake answers with a refusal.
            reason = str(error) or type(error).__name__
            raise ProgrammingError(f"{reason} in: {command}", errno=1003, sqlstate="42000") from error

    def _transform(self, expression: exp.Expr, params: Any) -> exp.Expr:
        asks = depends_on_tables(expression)
        translated = super()._transform(expression, params)
        if asks:
            self._translated = None
        elif self._translated is not None:
            self._translated.append(translated)
        return translated

    def _describe_last_sql(self) -> list[Any]:
        # It parses and translates once more what it has already translated.
        self._duck_conn.execute(f"describe {self._last_sql}", self._last_params)
        return self._duck_conn.fetchall()


@contextmanager
def snowflake_server() -> Iterator[dict[str, str]]:
    """Start the emulator; yield the environment that points dbt and weft at it."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about every property that DuckDB lacks
    with (
        patch("fakesnow.conn.FakeSnowflakeCursor", Cursor),
        # It parses a statement once more, to say of which kind it is.
        patch("fakesnow.server.parse_one", lru_cache(maxsize=10_000)(parse_one)),
        # The emulator notes comments and text lengths in a database of its own, which a transaction may not touch too.
        patch("fakesnow.info_schema.insert_table_comment_sql", return_value="select 1"),
        patch("fakesnow.info_schema.insert_text_lengths_sql", return_value="select 1"),
        # It sums decimals as doubles, so that text can be summed too; Snowflake sums decimals exactly.
        patch("fakesnow.transforms.numeric_agg_implicit_cast", lambda expression: expression),
        patch("fakesnow.transforms.describe_table", _describe_table),
        patch.object(_merges, "_create_merge_candidates", _merge_candidates),
        patch("fakesnow.arrow.timestamp_to_sf_struct", _timestamps_with_nulls),
        _serve() as port,
    ):
        yield {
            "WEFT_TARGET": "snowflake",
            "SNOWFLAKE_ACCOUNT": "fakesnow",
            "SNOWFLAKE_USER": "fake",
            "SNOWFLAKE_PASSWORD": "snow",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(port),
        }


def forget_databases() -> None:
    """Forget all databases and results: with each that is left, every look at the information schema takes longer."""
    connection = shared_fs.duck_conn.cursor()
    named = connection.execute(
        "select database_name from duckdb_databases() where not internal and database_name not in ('memory', ?)",
        [GLOBAL_DATABASE_NAME],
    ).fetchall()
    for (name,) in named:
        connection.execute(f"detach {exp.to_identifier(name, quoted=True).sql('duckdb')}")
    connection.close()
    shared_fs.results_cache.clear()


_DESCRIBED = """
select
    name as "name",
    case
        when type = 'BIGINT' then 'NUMBER(38,0)'
        when starts_with(type, 'DECIMAL') then replace(type, 'DECIMAL', 'NUMBER')
        when type = 'VARCHAR' then 'VARCHAR(16777216)'
        when type = 'DOUBLE' then 'FLOAT'
        when type = 'TIMESTAMP' then 'TIMESTAMP_NTZ(9)'
        when type = 'TIMESTAMP WITH TIME ZONE' then 'TIMESTAMP_TZ(9)'
        when type = 'TIME' then 'TIME(9)'
        when type = 'BLOB' then 'BINARY(8388608)'
        when type = 'JSON' then 'VARIANT'
        else type
    end as "type",
    'COLUMN' as "kind",
    if("notnull", 'N', 'Y') as "null?",
    dflt_value as "default"
from pragma_table_info({table})
order by cid
"""


def _describe_table(expression: exp.Expr, database: str | None = None, schema: str | None = None) -> exp.Expr:
    """Ask for one table's columns: the emulator looks through the columns of every table of every database."""
    if not isinstance(expression, exp.Describe) or str(expression.args.get("kind")).upper() not in ("TABLE", "VIEW"):
        return expression
    table = expression.find(exp.Table)
    assert table is not None
    name = exp.table_(table.name, table.db or schema, table.catalog or database, quoted=True).sql("duckdb")
    return sqlglot.parse_one(_DESCRIBED.format(table=exp.Literal.string(name).sql("duckdb")), read="duckdb")


def _merge_candidates(merge: exp.Merge) -> exp.Expr:
    """Keep every column that a merge reads of its source: the emulator keeps only those that are values as they are."""
    source = merge.args["using"].alias_or_name
    created = _plain_candidates(merge)
    assert isinstance(created, exp.Create)
    select = created.expression
    kept = {column.name.lower() for column in select.selects}
    # Of the whens alone: what is inside the source's own query is its own affair.
    columns = [column for when in merge.args["whens"].expressions for column in when.find_all(exp.Column)]
    read = {column.name.lower(): column for column in columns if column.table.lower() == source.lower()}
    select.select(*(column.copy() for name, column in read.items() if name not in kept), copy=False)
    return created


def _timestamps_with_nulls(column: pa.ChunkedArray) -> pa.StructArray:
    """Say which timestamps are null: the emulator leaves that out, and the connector reads them as 1970."""
    column = column.combine_chunks()
    parts = timestamp_to_sf_struct(column)
    values = [parts.field(index).fill_null(0) for index in range(parts.type.num_fields)]
    return pa.StructArray.from_arrays(values, fields=list(parts.type), mask=column.is_null())


@contextmanager
def _serve() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="snowflake", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
