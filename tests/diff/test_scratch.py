"""The scratch comes and goes: after errors and interruptions, beside others, and never over production."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from diff.build import Versions, _words, check_places
from diff.scope import Scope
from diff.scratch import Scratch, held, scratch_for
from diff.scratch_duck import DuckScratch
from diff.scratch_snow import SnowScratch
from reverse_etl.place import Place
from tests.diff.test_changes import node, version
from warehouse.base import Relation
from warehouse.errors import ConfigError, WarehouseError

AT = datetime(2026, 7, 1)
PROFILE = """
mini:
  target: "{{ env_var('WEFT_TARGET', 'duckdb') }}"
  outputs:
    duckdb: {type: duckdb, path: w.duckdb, schema: weft}
    snowflake: {type: snowflake, account: a, user: u, password: "{{ env_var('SECRET') }}", database: db, schema: weft}
    other: {type: postgres}
"""


def end(scratch: Scratch, by: type[BaseException]) -> None:
    with held(scratch):
        scratch.profile()
        raise by


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: mini\nprofile: mini\n")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("SECRET", "hush")
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("create schema raw; create table raw.t as select 1 as one; create table made as from raw.t")
    return tmp_path


def test_production_is_attached_where_no_statement_can_change_it(root: Path) -> None:
    scratch = scratch_for(root, AT)
    with held(scratch), scratch.open() as warehouse:
        scratch.create(warehouse, {Relation("main", "made")})
        assert warehouse.query("select * from raw.t") == [{"one": 1}]
        assert not warehouse.columns(Relation("main", "made"))
        source = scratch.production(Relation("main", "made"))
        scratch.copy(warehouse, source, Relation("weft", "made"))
        assert warehouse.query("select * from weft.made") == [{"one": 1}]
        for statement in ("delete from w.raw.t", "drop table w.main.made", "create table w.main.more as select 1"):
            with pytest.raises(WarehouseError):
                warehouse.execute(statement)
    assert not scratch.folder.exists()


def test_the_scratch_is_dropped_whatever_ends_the_run_and_kept_if_asked(root: Path) -> None:
    for ended in (KeyboardInterrupt, SystemExit, ValueError):
        scratch = scratch_for(root, AT)
        with pytest.raises(ended):
            end(scratch, ended)
        assert not scratch.folder.exists()
    kept = scratch_for(root, AT, keep=True)
    with held(kept):
        pass
    with held(scratch_for(root, AT)) as dropped:
        assert dropped == []
    assert kept.folder.exists()


def test_two_at_once_do_not_meet_and_what_a_killed_one_left_is_dropped(root: Path) -> None:
    one, other, third = (scratch_for(root, AT) for _ in range(3))
    with held(one), one.open() as first, held(other) as dropped, other.open() as second:
        assert dropped == []
        first.execute("create table mine as select 1 as one")
        assert not second.columns(Relation("main", "mine"))
        assert one.folder.exists()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    third.folder.mkdir(parents=True)
    owner = {"owner": f"x.{Place.here().machine}.1", "pid": int(dead.stdout)}
    (third.folder / "owner.json").write_text(json.dumps(owner))
    with held(one) as dropped:
        assert dropped == [third.run]
    assert not third.folder.exists()


def test_a_profile_that_is_written_names_secrets_and_does_not_hold_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_TARGET", "snowflake")
    scratch = SnowScratch(root, "20260701t000000_0a1b2c3d", AT)
    written = (scratch.profile() / "profiles.yml").read_text()
    assert "hush" not in written
    assert "weft_diff_20260701t000000_0a1b2c3d" in written
    assert (scratch.profile() / "profiles.yml").stat().st_mode & 0o077 == 0


def test_nothing_is_built_where_it_would_be_outside_the_scratch(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_TARGET", "snowflake")
    scratch = SnowScratch(root, "20260701t000000_0a1b2c3d", AT)
    inside = (Relation(f"{scratch.schema}{suffix}", "t", "DB") for suffix in ("", "_profiles", "_PROFILES"))
    assert all(scratch.holds(relation) for relation in inside)
    outside = (
        Relation("weft", "t", "db"),
        Relation(f"{scratch.schema}x", "t", "db"),
        Relation(scratch.schema, "t", "o"),
    )
    assert not any(scratch.holds(relation) for relation in outside)
    escaping = version(node("a"))
    with pytest.raises(ConfigError, match=r"would be built in weft\.a") as told:
        check_places(scratch, Versions(escaping, escaping), Scope(frozenset({"model.x.a"}), frozenset(), (), {}))
    assert told.value.where == "models/a.sql"


def test_where_nothing_can_be_built_beside_production_one_message_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_TARGET", "other")
    with pytest.raises(ConfigError, match="postgres"):
        scratch_for(root, AT)
    monkeypatch.setenv("WEFT_TARGET", "duckdb")
    (root / "w.duckdb").unlink()
    with pytest.raises(WarehouseError, match="no production build yet"):
        scratch_for(root, AT)
    (root / "profiles.yml").write_text(PROFILE.replace("path: w.duckdb", "path: 'md:shop'"))
    with pytest.raises(ConfigError, match="beside a DuckDB file only"):
        scratch_for(root, AT)


def test_while_somebody_writes_to_production_the_message_says_who(root: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb; held = duckdb.connect('w.duckdb'); print(flush=True); input()"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        scratch = scratch_for(root, AT)
        assert isinstance(scratch, DuckScratch)
        with pytest.raises(WarehouseError, match=str(holder.pid)), held(scratch), scratch.open():
            pass
        assert not scratch.folder.exists()
    finally:
        holder.communicate(b"\n")


def test_what_the_warehouse_quotes_of_the_data_is_not_told() -> None:
    said = "Runtime Error in model a (models/a.sql)\n  Conversion Error: Could not convert 'ada@example.com' to INT32"
    assert _words(said) == "Conversion Error"
    assert "no_such" in _words('Runtime Error in model a\n  Binder Error: Referenced column "no_such" not found')
