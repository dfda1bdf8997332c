"""The compiled SQL of a small project: kept while nothing changes, and made without the warehouse's file."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from warehouse import compiled
from warehouse.compiled import compile_project
from warehouse.errors import ConfigError

MINI = Path(__file__).parents[1] / "data" / "mini"


def test_models_are_compiled_again_only_when_the_project_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shutil.copytree(MINI, tmp_path / "mini")
    (root / "macros").mkdir()
    shutil.copy(Path(__file__).parents[2] / "macros" / "as_of.sql", root / "macros")
    changed = root / "models" / "sync_klaviyo__winback.sql"
    changed.write_text("select profile_id, email, {{ as_of() }} as sent_at from {{ ref('profiles') }}\n")

    first = compile_project(root, datetime.fromisoformat("2026-07-01 12:00"))
    assert len(first) == len(list((root / "models").glob("*.sql")))
    assert "cast('2026-07-01 12:00:00' as" in first["model.mini.sync_klaviyo__winback"]
    assert not (root / ".weft").exists(), "the warehouse's file is not opened"

    with monkeypatch.context() as patch:
        patch.setattr(compiled, "run_dbt", lambda *_: pytest.fail("nothing has changed"))
        again = compile_project(root, datetime.fromisoformat("2026-07-02"))
    assert "cast('2026-07-02 00:00:00' as" in again["model.mini.sync_klaviyo__winback"]

    changed.write_text("select profile_id, {{ nobody_wrote_this() }} from {{ ref('profiles') }}\n")
    with pytest.raises(ConfigError, match="nobody_wrote_this"):
        compile_project(root)
