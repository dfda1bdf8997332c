"""A rule that cannot work is a compile-time error that names the file and the column."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import dbt
from tests.staging.conftest import ROOT

FILE = "models/shop/_shop__sources.yml"
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such rule": (
        {"columns": {"total": {"minimum": 0}}},
        "order, column total: there is no minimum; it takes not_null, accepted, min",
    ),
    "no such column": ({"columns": {"totl": {"min": 0}}}, "order: quality names the column totl"),
    "no such key": ({"key": "order_id"}, "order: quality names the column order_id"),
    "no such other column": ({"columns": {"total": {"not_after": "paid"}}}, "column total: not_after names paid"),
    "no such severity": (
        {"columns": {"total": {"severity": "soft"}}},
        "order, column total: severity is error or warn, not soft",
    ),
    "no such word": ({"unique": "id"}, "order, quality: there is no unique; it takes key"),
    "no number": ({"volume": {"lower": 1}}, "order, quality: volume: there is no lower"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a source and a model per bad declaration."""
    home = tmp_path_factory.mktemp("bad_rules")
    for part in ("quality", "normalise", "cross_db", "staging", "identity"):
        shutil.copytree(ROOT / "macros" / part, home / "macros" / part)
    shutil.copy(ROOT / "macros" / "as_of.sql", home / "macros")
    shutil.copy(ROOT / "profiles.yml", home)
    (home / "dbt_project.yml").write_text("{name: weft, profile: weft, model-paths: [models]}")
    (home / "models" / "shop").mkdir(parents=True)
    sources = []
    for number, (quality, _) in enumerate(BAD.values()):
        columns = [{"name": "id", "data_type": "bigint"}, {"name": "total", "data_type": "bigint"}]
        table = {"name": "order", "config": {"meta": {"quality": quality}}, "columns": columns}
        sources.append({"name": f"raw_{number}", "tables": [table]})
        model = home / "models" / "shop" / f"model_{number}.sql"
        model.write_text(f"select {{{{ broken_rule('raw_{number}', 'order') }}}} as held_because")
    (home / FILE).write_text(yaml.safe_dump({"sources": sources}))
    return home


@pytest.mark.parametrize("case", BAD)
def test_a_bad_declaration_ends_the_compilation_and_names_its_file(folder: Path, case: str) -> None:
    environment = os.environ | {"WEFT_DUCKDB_PATH": str(folder / "warehouse.duckdb"), "DO_NOT_TRACK": "1"}
    number = list(BAD).index(case)
    done = dbt("--no-use-colors", "compile", "--select", f"model_{number}", cwd=folder, env=environment)
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert f"{FILE}, {BAD[case][1]}" in said or f"{FILE}, order, {BAD[case][1]}" in said, done.stdout
