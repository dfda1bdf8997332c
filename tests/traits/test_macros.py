"""The unit tests of tests/traits/project, on both warehouses, and what a wrong trait is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.traits.conftest import TraitProject

if TYPE_CHECKING:
    from pathlib import Path


def test_every_macro_does_on_duckdb_what_its_unit_tests_say(project: TraitProject) -> None:
    built = project.dbt("build")
    assert built.returncode == 0, built.stdout[-6000:]


def test_every_macro_does_on_snowflake_what_its_unit_tests_say(tmp_path: Path, snowflake: dict[str, str]) -> None:
    from warehouse.profile import open_warehouse

    project = TraitProject(tmp_path, {**snowflake, "SNOWFLAKE_DATABASE": "traits"})
    with open_warehouse(tmp_path, env=project.env):  # the first connection creates the database
        built = project.dbt("build")
    assert built.returncode == 0, built.stdout[-6000:]
