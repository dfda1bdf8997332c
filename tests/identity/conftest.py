"""The identity models on their own: a copy of the project whose staging models read tables that a test writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

ROOT = Path(__file__).parents[2]
COPIED = ("macros", "models/identity", "models/groups.yml", "profiles.yml")
SEED = "blocked_identifiers"

#: The columns of the union models that identity reads. Staging proper is tested elsewhere.
UPSTREAM = {
    "identifiers": "source varchar, record_id varchar, identifier_type varchar, identifier_value varchar, "
    "observed_at timestamp",
    "events": "identifier_type varchar, identifier_value varchar, occurred_at timestamp",
    "traits": "identifier_type varchar, identifier_value varchar, observed_at timestamp",
    "consents": "identifier_type varchar, identifier_value varchar, occurred_at timestamp",
    "erasures": "identifier_type varchar, identifier_value varchar, requested_at timestamp",
}

#: (source, record, identifier type, identifier value, observed at)
Mention = tuple[str, str, str, str, datetime]


def copy_project(to: Path) -> None:
    """Copies the parts of the project that identity needs to a folder, with stand-ins for staging."""
    for part in COPIED:
        source = ROOT / part
        target = to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    (to / "seeds").mkdir()
    for suffix in ("csv", "yml"):
        shutil.copy(ROOT / "seeds" / f"{SEED}.{suffix}", to / "seeds")
    (to / "models" / "staging").mkdir(parents=True)
    for name in UPSTREAM:
        (to / "models" / "staging" / f"{name}.sql").write_text(f"select * from raw.{name}\n")

    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    project["model-paths"] = ["models"]
    # The copy holds one part of the project: the settings of the others would be reported as unused.
    project["models"]["weft"] = {"identity": project["models"]["weft"]["identity"]}
    (to / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))


@dataclass
class IdentityProject:
    """A dbt project with nothing but identity in it, and the warehouse that it builds in."""

    folder: Path

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    def write(self, identifiers: Iterable[Mention], **others: Iterable[tuple[str, str, datetime]]) -> None:
        """Replaces what staging says: the identifiers of records, and (type, value, moment) for events and so on."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in UPSTREAM}
        rows["identifiers"] = list(identifiers)
        rows.update({name: list(given) for name, given in others.items()})
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("create schema if not exists raw")
            for name, columns in UPSTREAM.items():
                connection.execute(f"create or replace table raw.{name} ({columns})")
                if rows[name]:
                    marks = ", ".join("?" for _ in rows[name][0])
                    connection.executemany(f"insert into raw.{name} values ({marks})", rows[name])

    def dbt(
        self, *arguments: str, variables: Mapping[str, object] | None = None, fails: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Runs dbt in the project and returns what it printed; a failure is an error unless it is expected."""
        environment = {**os.environ, "WEFT_DUCKDB_PATH": str(self.database), "WEFT_TARGET": "duckdb"}
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments),
                *("--project-dir", str(self.folder), "--profiles-dir", str(self.folder)),
                *("--vars", json.dumps(dict(variables or {}))),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def build(self, *arguments: str, variables: Mapping[str, object] | None = None) -> None:
        """Builds everything, tests included."""
        self.dbt("build", *arguments, variables=variables)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the warehouse."""
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def people(self) -> dict[tuple[str, str], str]:
        """The profile id of each identifier."""
        rows = self.query("select identifier_type, identifier_value, profile_id from weft_identity.identity_map")
        return {(kind, value): profile for kind, value, profile in rows}

    def tables(self) -> set[str]:
        """The tables and views of the identity schema."""
        rows = self.query("select table_name from duckdb_tables() where schema_name = 'weft_identity'")
        return {name for (name,) in rows}


@pytest.fixture
def project(tmp_path: Path) -> IdentityProject:
    """An identity project without data."""
    copy_project(tmp_path)
    made = IdentityProject(tmp_path)
    made.write([])
    return made
