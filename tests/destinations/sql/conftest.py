"""Databases to deliver to: a DuckDB file, a PostgreSQL server of this test run's own, and the Snowflake emulator."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.sql.settings import SqlSettings, opened

PASSWORD = "a 'quoted' password"


@dataclass(frozen=True)
class Database:
    """One database, and where a test's tables are in it."""

    settings: SqlSettings
    schema: str = "crm"

    def open(self, **changes: Any) -> Destination:
        return connect("sql", self.settings.model_copy(update=changes))

    def delivery(self, table: str, **options: Any) -> Delivery:
        return Delivery("table", f"{self.schema}.{table}", **{"key": "id", **options})

    def run(self, *statements: str) -> None:
        with opened(self.settings, self.schema) as warehouse:
            for statement in statements:
                warehouse.execute(statement)

    def rows(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        with opened(self.settings, self.schema) as warehouse:
            return sorted(warehouse.tuples(f"select {columns} from {self.schema}.{table}"), key=str)

    def session(self) -> Any:
        return opened(self.settings, self.schema)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[SqlSettings]:
    """A PostgreSQL server on a free port of this machine; skipped where there is none to start."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    folder = _binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server is installed on this machine")
    # Not below pytest's folder, which nobody but its owner may enter, nor a long path, which a socket cannot have.
    home = Path(tempfile.mkdtemp(prefix="weft-postgres-"))
    (home / "secret").write_text(PASSWORD)
    nobody: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to be run by root
        nobody = {"user": "postgres", "group": "postgres"}
        shutil.chown(home, "postgres", "postgres")
        shutil.chown(home / "secret", "postgres", "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = home / "data"
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": home, **nobody}
    made: list[Any] = ["-D", data, "-U", "weft", "-A", "scram-sha-256", "-N", "--locale=C.UTF-8"]
    made.append(f"--pwfile={home / 'secret'}")
    subprocess.run([folder / "initdb", *made], stderr=subprocess.DEVNULL, **quiet)
    options = f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off -c max_connections=20 -c shared_buffers=16MB"
    control: list[Any] = [folder / "pg_ctl", "-D", data, "-w", "-l", home / "log"]
    subprocess.run([*control, "-o", options, "start"], **quiet)
    try:
        yield SqlSettings(
            engine="postgres",
            host="127.0.0.1",
            port=port,
            database="postgres",
            user="weft",
            password=SecretStr(PASSWORD),
        )
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(home, ignore_errors=True)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgres(postgres_server: SqlSettings) -> Database:
    database = Database(postgres_server)
    database.run("create schema crm")
    return database


@pytest.fixture(scope="session")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("duck") / "shop.duckdb"
    duckdb.connect(str(path)).close()
    database = Database(SqlSettings(engine="duckdb", path=str(path)))
    database.run("create schema crm")
    return database


@pytest.fixture(scope="module")
def snow(snowflake: dict[str, str]) -> Database:
    settings = SqlSettings(
        engine="snowflake",
        account=snowflake["SNOWFLAKE_ACCOUNT"],
        user=snowflake["SNOWFLAKE_USER"],
        password=SecretStr(snowflake["SNOWFLAKE_PASSWORD"]),
        host=snowflake["SNOWFLAKE_HOST"],
        port=int(snowflake["SNOWFLAKE_PORT"]),
        protocol="http",
        database="CRM_DB",
    )
    with opened(settings, "crm") as warehouse:
        warehouse.execute("create database if not exists crm_db")
        warehouse.execute("create schema if not exists crm_db.crm")
    return Database(settings, "crm_db.crm")


@pytest.fixture(params=["duck", "postgres", "snow"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found
