"""Writes raw files so that a reader never meets half of one: everything is staged aside, then renamed, then signed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from demo.schema import BY_NAME, RawTable


class _File(Protocol):
    def write_table(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _Ndjson:
    """Newline-delimited JSON; DuckDB does the quoting."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")

    def write_table(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        with duckdb.connect() as connection:
            connection.register("rows", table)
            lines = connection.sql("select to_json(rows)::varchar as line from rows").to_arrow_table()["line"]
        for chunk in lines.chunks:
            self._file.write("\n".join(chunk.to_pylist()).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


def _open(table: RawTable, path: Path) -> _File:
    file: _File = _Ndjson(path) if table.format == "ndjson" else _columnar(table, path)
    return file


def _columnar(table: RawTable, path: Path) -> Any:
    if table.format == "csv":
        return pyarrow.csv.CSVWriter(path, table.schema)
    return pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd")


class DayWriter:
    """The files of one day, under a staging folder until ``commit``.

    Args:
        root: The folder of all raw files.
        day: The day.
    """

    def __init__(self, root: Path, day: int) -> None:
        self._root = root
        self._day = day
        self._staging = root / f".staging_day_{day:04d}"
        self._files: dict[str, _File] = {}
        self.rows: dict[str, int] = {}

    def __enter__(self) -> DayWriter:
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)
        return self

    def write(self, tables: dict[str, pa.Table]) -> None:
        """Appends the rows of a block. A later day gets a file only for tables that have rows."""
        for name, rows in tables.items():
            self.rows[name] = self.rows.get(name, 0) + rows.num_rows
            if not rows.num_rows and self._day > 1:
                continue
            if name not in self._files:
                path = self._path(self._staging, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._files[name] = _open(BY_NAME[name], path)
            self._files[name].write_table(rows)

    def commit(self, manifest: Mapping[str, object]) -> None:
        """Renames every file into place; the manifest comes last and says that the day is whole."""
        self._close()
        for name in self._files:
            target = self._path(self._root, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._path(self._staging, name).replace(target)
        signed = {**manifest, "rows": self.rows}
        temporary = self._staging / "manifest.json"
        temporary.write_text(json.dumps(signed, indent=2) + "\n", encoding="utf-8")
        temporary.replace(manifest_path(self._root, self._day))
        shutil.rmtree(self._staging, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if kind is not None:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _close(self) -> None:
        for file in self._files.values():
            file.close()

    def _path(self, root: Path, name: str) -> Path:
        return file_path(root, name, self._day)


def file_path(root: Path, name: str, day: int) -> Path:
    """The file that holds a table's rows of a day."""
    return root / name / f"day_{day:04d}{BY_NAME[name].suffix}"


def manifest_path(root: Path, day: int) -> Path:
    """The file that says that a day is complete, and what it was made from."""
    return root / f".manifest_day_{day:04d}.json"


def read_manifest(root: Path, day: int) -> dict[str, object] | None:
    """What a day was made from; None where the day is missing, was cut off or has lost a file since."""
    try:
        content = json.loads(manifest_path(root, day).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("rows"), dict):
        return None
    promised = (file_path(root, name, day) for name, rows in content["rows"].items() if rows and name in BY_NAME)
    return content if all(path.exists() for path in promised) else None


def remove_from(root: Path, day: int) -> None:
    """Deletes the files of this and all later days; the manifests go first, so that a cut leaves nothing signed."""
    for path in sorted(root.glob(".manifest_day_*.json"), reverse=True):
        if path.stem[-4:] >= f"{day:04d}":
            path.unlink()
    for path in root.glob("*/*/day_*.*"):
        if path.stem[-4:] >= f"{day:04d}":
            path.unlink()
