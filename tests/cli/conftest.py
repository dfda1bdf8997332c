"""The smallest project that has a sync, built once and copied for every test."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.server import Running, start
from weft.__main__ import main

MINI = Path(__file__).parent.parent / "data" / "mini"
CUSTOMERS = {"id": [1, 2, 3], "email": ["Ada@example.com", "bob@example.com", "eve@example.com"]}


def write_customers(root: Path, **columns: list[Any]) -> None:
    """Write the raw table: three customers, of whom Eve has not consented."""
    first = {"first_name": ["Ada", "Bob", "Eve"], "created_at": [datetime(2026, 1, 1)] * 3}
    folder = root / ".weft" / "raw" / "shop" / "customer"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**CUSTOMERS, **first, **columns}), folder / "day_0001.parquet")


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


@dataclass
class Project:
    """A project in a folder of its own, with the command line inside it."""

    root: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def weft(self, *arguments: str) -> Answer:
        """Run ``weft`` here, as a user would."""
        self.patch.setattr(sys, "argv", ["weft", *arguments])
        self.capture.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self.capture.readouterr()
        return Answer(code, out, err)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse, or change it."""
        with duckdb.connect(str(self.root / ".weft" / "warehouse.duckdb")) as connection:
            return connection.execute(statement).fetchall()

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the project."""
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything in the warehouse, to prove that nothing changed."""
        tables = self.sql("select table_schema, table_name from information_schema.tables order by all")
        return {f"{schema}.{name}": self.sql(f"from {schema}.{name} order by all") for schema, name in tables}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its models built."""
    root = tmp_path_factory.mktemp("mini") / "project"
    shutil.copytree(MINI, root)
    write_customers(root)
    command = [sys.executable, "-W", "ignore", "-m", "dbt.cli.main", "build", "--quiet", "--no-use-colors"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture
def project(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A copy of the project, as if weft were called in its folder."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    for name in (
        "WEFT_MANIFEST",
        "WEFT_DUCKDB_PATH",
        "WEFT_TARGET",
        "WEFT_RAW",
        "WEFT_CONNECTIONS",
        "WEFT_PACKS",
        "KLAVIYO_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WEFT_AS_OF", "2026-07-01T00:00:00Z")
    monkeypatch.setenv("KLAVIYO_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(root)
    return Project(root, capsys, monkeypatch)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A sandbox to deliver to."""
    with start() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running
