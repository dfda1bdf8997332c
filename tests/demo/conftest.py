"""A small generated world, and a way to ask it questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.generate import generate
from demo.schema import BY_NAME, TABLES
from demo.world import World

PEOPLE = 2_000
SEED = 7


@dataclass(frozen=True)
class Raw:
    """The raw files of a folder as DuckDB views named ``source.table``."""

    path: Path
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


def open_raw(path: Path) -> Raw:
    readers = {"parquet": "read_parquet", "csv": "read_csv", "ndjson": "read_ndjson"}
    connection = duckdb.connect()
    for table in TABLES:
        options = ", all_varchar = true" if table.format == "csv" else ""
        connection.execute(f"create schema if not exists {table.source}")
        connection.execute(
            f"""create view {table.source}."{table.name}" as
            select *, regexp_extract(filename, 'day_(\\d+)', 1)::int as day
            from {readers[table.format]}('{path}/{table.source}/{table.name}/*', filename = true{options})"""
        )
    return Raw(path, connection)


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Raw:
    """Two days of 2,000 people."""
    path = tmp_path_factory.mktemp("raw")
    for day in (1, 2):
        generate(path, people=PEOPLE, day=day, seed=SEED)
    return open_raw(path)


@pytest.fixture(scope="session")
def world() -> World:
    return World(SEED, PEOPLE)


__all__ = ["BY_NAME", "PEOPLE", "SEED", "Raw", "open_raw"]
