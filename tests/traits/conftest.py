"""A dbt project of the trait macros alone: models of traits over a table of people and one of their events."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import dbt
from tests.conftest import ROOT


@dataclass
class TraitProject:
    """The project, in a folder of its own."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "tests" / "traits" / "project", self.folder, dirs_exist_ok=True)
        shutil.copy(ROOT / "profiles.yml", self.folder)
        for part in ("as_of.sql", "cross_db/*.sql", "traits/*.sql"):
            for file in (ROOT / "macros").glob(part):
                copied = self.folder / "macros" / file.relative_to(ROOT / "macros")
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copied)

    def write(self, model: str, sql: str) -> None:
        """Adds a model."""
        (self.folder / "models" / f"{model}.sql").write_text(sql, encoding="utf-8")

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs dbt; its output is in the result."""
        env = {**os.environ, "WEFT_DUCKDB_PATH": str(self.folder / "traits.duckdb"), **self.env}
        return dbt("--no-use-colors", *arguments, cwd=self.folder, env=env)

    def compiled(self, model: str) -> str:
        """The SQL that dbt last made of a model."""
        return (self.folder / "target" / "compiled" / "weft" / "models" / f"{model}.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> TraitProject:
    """The project on DuckDB."""
    return TraitProject(tmp_path_factory.mktemp("traits"))
