"""A folder of raw files, written from what the sources declare, and dbt runs over it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml

from tests.commands import dbt

ROOT = Path(__file__).parents[2]
TYPES = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "decimal(12,2)": pa.decimal128(12, 2),
}
FORMATS = {"pos": "csv", "consent": "csv", "zendesk": "ndjson"}


def declared() -> dict[str, dict[str, str]]:
    """'system/table' to its columns and their types, from the sources' yml."""
    tables = {}
    for file in sorted((ROOT / "models" / "staging").glob("*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]:
            system = source["name"].removeprefix("raw_")
            for table in source["tables"]:
                columns = {column["name"]: column["data_type"] for column in table["columns"]}
                tables[f"{system}/{table['name']}"] = columns
    return tables


def write_table(
    folder: Path, name: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], day: int = 1
) -> Path:
    """Write one day's file of a table; a column that a row does not name is null."""
    system = name.split("/")[0]
    kind = FORMATS.get(system, "parquet")
    path = folder / name / f"day_{day:04d}.{kind}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "ndjson":
        lines = [json.dumps({column: row.get(column) for column in columns}) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path
    text = pa.schema([(column, pa.string()) for column in columns])
    listed = [{column: row.get(column) for column in columns} for row in rows]
    table = pa.Table.from_pylist(listed, schema=text)
    if kind == "csv":
        pa.csv.write_csv(table, path)
    else:
        typed = pa.schema([(column, TYPES[kind]) for column, kind in columns.items()])
        pa.parquet.write_table(table.cast(typed), path)
    return path


@dataclass
class Project:
    """The project over a raw folder and a warehouse of its own."""

    raw: Path
    scratch: Path

    def write(self, tables: Mapping[str, Sequence[Mapping[str, Any]]], day: int = 1) -> None:
        """Write one day: every declared table, without a row unless given."""
        for name, columns in declared().items():
            write_table(self.raw, name, columns, tables.get(name, ()), day)

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt; its output is in the result."""
        paths = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT), "--target", "duckdb"]
        scratch = ["--target-path", str(self.scratch / "target"), "--log-path", str(self.scratch / "logs")]
        environment = os.environ | {
            "WEFT_RAW": str(self.raw),
            "WEFT_DUCKDB_PATH": str(self.scratch / "warehouse.duckdb"),
            "WEFT_AS_OF": "2026-07-01T00:00:00Z",
        }
        return dbt("--no-use-colors", *arguments, *paths, *scratch, cwd=ROOT, env=environment)

    def build(self, *arguments: str) -> None:
        """Build the staging models and run their tests."""
        ran = self.dbt(
            "build", "--select", "path:models/staging", "path:seeds", "--indirect-selection", "cautious", *arguments
        )
        assert ran.returncode == 0, ran.stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.scratch / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("use weft_staging")
            return connection.execute(sql).fetchall()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(raw=tmp_path / "raw", scratch=tmp_path)


@pytest.fixture
def raw_columns() -> Callable[[], dict[str, dict[str, str]]]:
    return declared
