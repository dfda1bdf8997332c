"""Loads the raw files of a demo into the emulator's tables, as an ELT tool would have done on Snowflake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import sqlglot
from fakesnow.server import shared_fs
from sqlglot import exp


def load_raw(manifest: Path, database: str) -> None:
    """Create one table for each source that the manifest declares, with its declared types, from its files.

    The emulator shares this process, so the files go straight into the DuckDB behind it: its SQL cannot read files.
    """
    connection = shared_fs.duck_conn.cursor()
    for source in _sources(manifest):
        schema = exp.Identifier(this=str(source["schema"]).upper(), quoted=True).sql("duckdb")
        table = exp.Identifier(this=str(source["identifier"]).upper(), quoted=True).sql("duckdb")
        columns = ", ".join(_column(column) for column in source["columns"].values())
        files = _files(source)
        connection.execute(f"create schema if not exists {database}.{schema}")
        connection.execute(f"create or replace table {database}.{schema}.{table} as select {columns} from {files}")
    connection.close()


def _sources(manifest: Path) -> Iterator[dict[str, Any]]:
    yield from json.loads(manifest.read_text(encoding="utf-8"))["sources"].values()


def _files(source: dict[str, Any]) -> str:
    """Fill in the table's name as dbt-duckdb does, in whichever form the source asks for."""
    meta = source["config"]["meta"]
    location: str = meta["external_location"]
    if meta.get("formatter") == "template":
        return Template(location).substitute(name=source["name"])
    return location.format(name=source["name"])


def _column(column: dict[str, Any]) -> str:
    name = exp.column(column["name"], quoted=True)
    target = sqlglot.parse_one(column["data_type"], into=exp.DataType, read="duckdb")
    alias = exp.to_identifier(column["name"].upper(), quoted=True)
    return exp.alias_(exp.cast(name, target), alias).sql(dialect="duckdb")
