"""The identity models on their own: a copy of the project whose staging models read tables that a test writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
import yaml

from tests.commands import dbt

ROOT = Path(__file__).parents[2]
COPIED = ("macros", "models/identity", "models/groups.yml", "profiles.yml")
SEED = "blocked_identifiers"
#: Nothing is built on them, and building them takes a quarter of a run's time.
REPORTS = ("identity_health*", "identity_hubs.*", "identity_largest_components.*")

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


def copy_project(to: Path, reports: bool) -> None:
    """Copies the parts of the project that identity needs to a folder, with stand-ins for staging."""
    for part in COPIED:
        source = ROOT / part
        target = to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    for unread in [] if reports else [file for each in REPORTS for file in (to / "models" / "identity").glob(each)]:
        unread.unlink()
    (to / "seeds").mkdir(parents=True)
    for suffix in ("csv", "yml"):
        shutil.copy(ROOT / "seeds" / f"{SEED}.{suffix}", to / "seeds")
    (to / "models" / "staging").mkdir(parents=True)
    for name in UPSTREAM:
        (to / "models" / "staging" / f"{name}.sql").write_text(f"select * from raw.{name}\n")

    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    project["model-paths"] = ["models"]
    # The copy holds one part of the project: the settings of the others would be reported as unused.
    project["models"]["weft"] = {part: project["models"]["weft"][part] for part in ("staging", "identity")}
    # A test says which limits it is about: most have people with several accounts.
    for rule in project["vars"]["identity_rules"].values():
        rule["limit"] = None
    (to / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))


@dataclass
class IdentityProject:
    """A dbt project with nothing but identity in it, and the warehouse that it builds in."""

    folder: Path
    #: What says which warehouse; empty for a DuckDB file in the folder.
    snowflake: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that dbt runs with."""
        here = {"WEFT_DUCKDB_PATH": str(self.folder / "warehouse.duckdb"), "WEFT_TARGET": "duckdb"}
        return {**os.environ, **here, **self.snowflake}

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Runs statements in the warehouse and returns the rows of the last."""
        with closing(self._connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _connect(self) -> Any:
        if not self.snowflake:
            return duckdb.connect(self.environment["WEFT_DUCKDB_PATH"])
        # Imported here: it takes a second, and complains of the version of a library that it brings itself.
        with warnings.catch_warnings(action="ignore"):
            import snowflake.connector

        return snowflake.connector.connect(
            account=self.snowflake["SNOWFLAKE_ACCOUNT"],
            user=self.snowflake["SNOWFLAKE_USER"],
            password=self.snowflake["SNOWFLAKE_PASSWORD"],
            host=self.snowflake["SNOWFLAKE_HOST"],
            port=int(self.snowflake["SNOWFLAKE_PORT"]),
            database=self.snowflake["SNOWFLAKE_DATABASE"],
            protocol="http",
            session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        )

    def write(self, identifiers: Iterable[Mention], **others: Iterable[tuple[str, str, datetime]]) -> None:
        """Replaces what staging says: the identifiers of records, and (type, value, moment) for events and so on."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in UPSTREAM}
        rows["identifiers"] = list(identifiers)
        rows.update({name: list(given) for name, given in others.items()})
        statements = ["create schema if not exists raw"]
        for name, columns in UPSTREAM.items():
            statements.append(f"create or replace table raw.{name} ({columns})")
            if rows[name]:
                values = ", ".join(_literal(row, doubled="\\" if self.snowflake else "") for row in rows[name])
                statements.append(f"insert into raw.{name} values {values}")
        self.execute(*statements)

    def dbt(
        self,
        *arguments: str,
        variables: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        fails: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs dbt in the project and returns what it printed; a failure is an error unless it is expected."""
        done = dbt(
            *self.arguments(*arguments, variables=variables),
            cwd=ROOT,
            env={**self.environment, **(environment or {})},
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def arguments(self, *arguments: str, variables: Mapping[str, object] | None = None) -> list[str]:
        """What a dbt command on the project is called with."""
        return [
            *(*arguments, "--project-dir", str(self.folder), "--profiles-dir", str(self.folder)),
            *("--vars", json.dumps(dict(variables or {}))),
        ]

    def people(self) -> dict[tuple[str, str], str]:
        """The profile id of each identifier."""
        rows = self.execute("select identifier_type, identifier_value, profile_id from weft_identity.identity_map")
        return {(kind, value): profile for kind, value, profile in rows}

    def tables(self) -> set[str]:
        """The tables and views of the identity schema."""
        rows = self.execute(
            "select table_name from information_schema.tables where lower(table_schema) = 'weft_identity'"
        )
        return {name.lower() for (name,) in rows}


def _literal(row: tuple[Any, ...], doubled: str = "") -> str:
    """The row as SQL; a warehouse that reads backslashes as escapes wants them doubled."""

    def one(value: object) -> str:
        if value is None:
            return "null"
        text = str(value).replace("'", "''").replace("\\", f"\\{doubled}")
        return f"timestamp '{text}'" if isinstance(value, datetime) else f"'{text}'"

    return f"({', '.join(one(value) for value in row)})"


def new_project(folder: Path, snowflake: Mapping[str, str] | None = None, *, reports: bool = False) -> IdentityProject:
    """An identity project in a folder, without data; with the reports on its health where a test reads them."""
    copy_project(folder, reports)
    if snowflake:
        shutil.copy(Path(snowflake["DBT_PROFILES_DIR"]) / "profiles.yml", folder)
        # The emulator serves all tests of a process: each project has a database of its own.
        snowflake = {**snowflake, "SNOWFLAKE_DATABASE": f"identity_{uuid4().hex[:8]}"}
    made = IdentityProject(folder, snowflake or {})
    made.write([])
    return made


@pytest.fixture
def project(tmp_path: Path) -> IdentityProject:
    """An identity project without data, for one test."""
    return new_project(tmp_path)
