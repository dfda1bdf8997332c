"""A project of segments alone: who fits which of them is a table that the test writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.commands import dbt
from tests.conftest import ROOT

COPIED = ("definitions", "members", "history", "memberships", "runs", "sizes")
INPUTS = {
    "profiles": "profile_id varchar, email_consented_at timestamp",
    "profile_traits": "profile_id varchar, segment varchar",
    "profile_timelines": "profile_id varchar, changed_at timestamp",
    "profile_changes": "profile_id varchar, attributes_changed_at timestamp, consents_changed_at timestamp",
    "profile_departures": "profile_id varchar, reason varchar",
    "identity_aliases": "former_profile_id varchar, profile_id varchar",
}
SEGMENT = """
-- Grain: one row per person.
select profile_id from {{{{ ref('profile_traits') }}}} where segment = '{name}'
"""
YML = """
models:
  - name: seg_{name}
    config: {{meta: {meta}}}
    columns: [{{name: profile_id, data_tests: {tests}}}]
"""
PROJECT = """
name: weft
version: 0.1.0
profile: weft
flags: {send_anonymous_usage_stats: false}
vars: {as_of: "", segments: [%s]}
models: {weft: {segments: {+schema: segments, +group: segments, +materialized: table}}}
"""


class Project:
    """The folder of a dbt project, and its warehouse.

    Args:
        folder: Where to make it.
        segments: Name and ``meta`` of each segment, as yml.
    """

    def __init__(self, folder: Path, segments: Mapping[str, str]) -> None:
        self.folder, self.warehouse = folder, folder / "segments.duckdb"
        (folder / "models" / "segments").mkdir(parents=True)
        (folder / "models" / "input").mkdir()
        for name in COPIED:
            for suffix in ("sql", "yml"):
                shutil.copy(ROOT / "models" / "segments" / f"segment_{name}.{suffix}", folder / "models" / "segments")
        shutil.copytree(ROOT / "macros", folder / "macros")
        shutil.copy(ROOT / "profiles.yml", folder)
        shutil.copy(ROOT / "models" / "groups.yml", folder / "models")
        for name, columns in INPUTS.items():
            (folder / "models" / "input" / f"{name}.sql").write_text(f"select * from input.{name}\n")
            self.execute(f"create schema if not exists input; create table input.{name} ({columns})")
        for name, meta in segments.items():
            self.segment(name, meta)
        self.follow(segments)

    def segment(self, name: str, meta: str = "{}", sql: str = SEGMENT, tests: str = "[not_null, unique]") -> None:
        """Write the files of a segment."""
        files = self.folder / "models" / "segments" / f"seg_{name}"
        files.with_suffix(".sql").write_text(sql.format(name=name))
        files.with_suffix(".yml").write_text(YML.format(name=name, meta=meta, tests=tests))

    def follow(self, segments: Iterable[str]) -> None:
        """Write the list of the segments that are followed."""
        (self.folder / "dbt_project.yml").write_text(PROJECT % ", ".join(segments))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with duckdb.connect(str(self.warehouse)) as connection:
            return connection.execute(statement).fetchall()

    def dbt(self, as_of: str, command: str = "run", *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt at a moment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        env = kept | {"WEFT_DUCKDB_PATH": str(self.warehouse), "WEFT_AS_OF": as_of, "NO_COLOR": "1"}
        return dbt(command, "--project-dir", ".", "--profiles-dir", ".", *arguments, cwd=self.folder, env=env)

    def build(self, as_of: str, *arguments: str) -> None:
        """Run dbt at a moment, and fail the test with its words if it fails."""
        done = self.dbt(as_of, "run", *arguments)
        assert done.returncode == 0, done.stdout[-4000:]

    def refused(self, *arguments: str) -> str:
        """Return on one line what dbt says where it must fail."""
        done = self.dbt("2026-07-01", *(arguments or ("compile", "--select", "segment_members")))
        assert done.returncode != 0, done.stdout[-4000:]
        return " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three segments that differ in whether somebody who left may come back."""
    rules = {"free": "{}", "cooled": "{reentry: {cool_off_days: 5}}", "once": "{reentry: never}"}
    return Project(tmp_path_factory.mktemp("segments"), rules)
