"""A small copy of the project that begins where identity ends, so that a test can say in a few rows who people are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.commands import dbt

ROOT = Path(__file__).parents[2]
TESTED = ("profiles", "consent", "segments", "syncs")
SEEDS = (
    *("exchange_rates", "purposes", "legal_bases", "jurisdictions", "consent_rules", "consent_events"),
    *("contact_channels", "rfm_names"),
)

# What the models under test read, in the shape that staging and identity publish it.
INPUTS = {
    "identifiers": (
        "source varchar, record_id varchar, identifier_type varchar, identifier_value varchar, observed_at timestamp"
    ),
    "events": (
        "event_id varchar, source varchar, event_name varchar, occurred_at timestamp, received_at timestamp, "
        "identifier_type varchar, identifier_value varchar, properties json"
    ),
    "traits": (
        "source varchar, identifier_type varchar, identifier_value varchar, trait varchar, value varchar, "
        "observed_at timestamp"
    ),
    "consents": (
        "source varchar, identifier_type varchar, identifier_value varchar, purpose varchar, status varchar, "
        "jurisdiction varchar, occurred_at timestamp"
    ),
    "erasures": "identifier_type varchar, identifier_value varchar, requested_at timestamp, source varchar",
    "identity_map": (
        "identifier_type varchar, identifier_value varchar, profile_id varchar, "
        "first_seen_at timestamp, last_seen_at timestamp"
    ),
    "identity_aliases": "former_profile_id varchar, profile_id varchar",
    "identity_changes": "profile_id_from varchar, profile_id_into varchar, kind varchar, changed_at timestamp",
}


class World:
    """The people of one test: tables that the test writes, and the models that dbt builds on them.

    Args:
        folder: An empty folder for the copied project and its warehouse.
    """

    #: What dbt is told besides, to find another warehouse than the world's own.
    environment: Mapping[str, str] = {}
    profiles = "."

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "world.duckdb"
        for name in TESTED:
            shutil.copytree(ROOT / "models" / name, folder / "models" / name)
        shutil.copytree(ROOT / "macros", folder / "macros")
        shutil.copytree(ROOT / "tests" / "dbt", folder / "tests" / "dbt")
        for file in ("dbt_project.yml", "profiles.yml", "models/groups.yml"):
            shutil.copy(ROOT / file, folder / file)
        (folder / "seeds").mkdir()
        for file in (f"{name}.{suffix}" for name in SEEDS for suffix in ("csv", "yml")):
            shutil.copy(ROOT / "seeds" / file, folder / "seeds" / file)
        (folder / "models" / "input").mkdir()
        for name, columns in INPUTS.items():
            (folder / "models" / "input" / f"{name}.sql").write_text(f"select * from input.{name}\n", encoding="utf-8")
            self.write(f"create schema if not exists input; create table input.{name} ({columns})")

    def write(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Change the input tables."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(statement, parameters or None)

    def add(self, table: str, *rows: Mapping[str, object]) -> None:
        """Add rows to an input table; columns that a row leaves out are null."""
        for row in rows:
            marks = ", ".join("?" for _ in row)
            self.write(f"insert into input.{table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on what was built."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def build(self, as_of: str, command: str = "run", *arguments: str) -> None:
        """Run dbt on everything under test at a moment, and fail the test with dbt's own words if it fails."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        environment |= {"WEFT_DUCKDB_PATH": str(self.warehouse), "WEFT_AS_OF": as_of, **self.environment}
        done = dbt(
            command, "--project-dir", ".", "--profiles-dir", self.profiles, *arguments, cwd=self.folder, env=environment
        )
        assert done.returncode == 0, done.stdout[-6000:]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of nobody."""
    return World(tmp_path_factory.mktemp("world"))
