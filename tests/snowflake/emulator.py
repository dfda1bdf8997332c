"""A Snowflake that answers on this machine: ``fakesnow``'s server, made to take what dbt sends it.

dbt-snowflake and snowflake-connector-python talk to it over HTTP as they talk to Snowflake. The few statements that the
emulator refuses, and Snowflake takes, are rewritten here and nowhere else: no model and no macro knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import duckdb
import fakesnow
import sqlglot
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

# The emulator keeps temporary relations outside any schema, so it refuses a qualified name; dbt stages increments in one.
TEMPORARY = re.compile(r"\bcreate(?:\s+or\s+replace)?\s+temp(?:orary)?\s+(table|view)\b", re.IGNORECASE)
MERGE = re.compile(r"^\s*(/\*.*?\*/\s*)?merge\s+into\b", re.IGNORECASE | re.DOTALL)


def accept(statement: str) -> str:
    """Return the statement in the form that the emulator understands."""
    if MERGE.match(statement):
        return _qualify_inserted_columns(statement)
    return TEMPORARY.sub(r"create or replace \1", statement)


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

    def execute_accepted(self: FakeSnowflakeCursor, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        try:
            return execute(self, accept(command), *args, **kwargs)
        except (duckdb.Error, AssertionError, NotImplementedError) as error:
            # The server would answer 500, which the connector repeats for minutes; Snowflake answers with a refusal.
            raise ProgrammingError(f"{error} in: {command}", errno=1003, sqlstate="42000") from error

    with (
        patch.object(FakeSnowflakeCursor, "execute", execute_accepted),
        # The emulator notes comments and text lengths in a database of its own, which a transaction may not touch as well.
        patch("fakesnow.info_schema.insert_table_comment_sql", return_value="select 1"),
        patch("fakesnow.info_schema.insert_text_lengths_sql", return_value="select 1"),
        fakesnow.server() as connection,
    ):
        yield {
            "WEFT_TARGET": "snowflake",
            "SNOWFLAKE_ACCOUNT": str(connection["account"]),
            "SNOWFLAKE_USER": str(connection["user"]),
            "SNOWFLAKE_PASSWORD": str(connection["password"]),
            "SNOWFLAKE_HOST": str(connection["host"]),
            "SNOWFLAKE_PORT": str(connection["port"]),
        }
