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
from typing import Any
from unittest.mock import patch

import duckdb
import pyarrow as pa
import sqlglot
import uvicorn
from fakesnow.arrow import timestamp_to_sf_struct
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.server import app
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

# The emulator keeps temporary relations outside any schema, so it refuses a qualified name; dbt stages increments so.
TEMPORARY = re.compile(r"\bcreate(?:\s+or\s+replace)?\s+temp(?:orary)?\s+(table|view)\b", re.IGNORECASE)
# The emulator's SQL translator has no word of DuckDB's for these.
MD5_NUMBER = re.compile(r"\bmd5_number_(lower|upper)64\b", re.IGNORECASE)
MERGE = re.compile(r"^\s*(/\*.*?\*/\s*)?merge\s+into\b", re.IGNORECASE | re.DOTALL)


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


@contextmanager
def snowflake_server() -> Iterator[dict[str, str]]:
    """Start the emulator; yield the environment that points dbt and weft at it."""
    execute = FakeSnowflakeCursor.execute
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about every property that DuckDB lacks

    def execute_accepted(self: FakeSnowflakeCursor, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        if MERGE.match(command) and self._conn.schema is None:
            # It merges by way of a table of its own, for which it wants a current schema; Snowflake needs none.
            self._conn._schema = "PUBLIC"
        try:
            return execute(self, accept(command), *args, **kwargs)
        except (duckdb.Error, sqlglot.errors.SqlglotError, AssertionError, NotImplementedError, Warning) as error:
            # The server would answer 500, which the connector repeats for minutes; Snowflake answers with a refusal.
            reason = str(error) or type(error).__name__
            raise ProgrammingError(f"{reason} in: {command}", errno=1003, sqlstate="42000") from error

    with (
        patch.object(FakeSnowflakeCursor, "execute", execute_accepted),
        # The emulator notes comments and text lengths in a database of its own, which a transaction may not touch too.
        patch("fakesnow.info_schema.insert_table_comment_sql", return_value="select 1"),
        patch("fakesnow.info_schema.insert_text_lengths_sql", return_value="select 1"),
        # It sums decimals as doubles, so that text can be summed too; Snowflake sums decimals exactly.
        patch("fakesnow.transforms.numeric_agg_implicit_cast", lambda expression: expression),
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
