"""What dbt's last run came to is in the warehouse, on both warehouses, however that run ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from reverse_etl.evidence import gather
from reverse_etl.guards import Guards
from tests.commands import dbt
from tests.conftest import ROOT
from tests.engine.shop import AS_OF, Shop
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse

_DATABASES = count(1)
MODELS = {
    "first.sql": "select 1 as id",
    "second.sql": "select id from {{ ref('first') }}",
    "third.sql": "select id from {{ ref('second') }}",
}
SCHEMA = """
models:
  - name: first
    columns:
      - {name: id, data_tests: [not_null, {accepted_values: {arguments: {values: [1], quote: false}}}]}
unit_tests:
  - name: it_is_one
    model: first
    given: []
    expect: {rows: [{id: 1}]}
"""


@dataclass
class Project:
    """Three models in a row, with the macros of the real project."""

    folder: Path
    output: Mapping[str, Any]
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "macros", self.folder / "macros")
        settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
        kept = ("name", "profile", "config-version", "on-run-end", "vars", "flags")
        (self.folder / "dbt_project.yml").write_text(yaml.safe_dump({key: settings[key] for key in kept}))
        profile = {"weft": {"target": "test", "outputs": {"test": dict(self.output)}}}
        (self.folder / "profiles.yml").write_text(yaml.safe_dump(profile))
        for name, text in MODELS.items():
            self.write(name, text)
        self.write("schema.yml", SCHEMA)
        with open_warehouse(self.folder, env={}):  # the first connection creates an emulated database
            pass

    def write(self, name: str, text: str) -> None:
        (self.folder / "models").mkdir(exist_ok=True)
        (self.folder / "models" / name).write_text(text)

    def dbt(self, *arguments: str, as_of: str = "2026-07-01", code: int = 0) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        done = dbt(*arguments, cwd=self.folder, env={**env, "WEFT_AS_OF": as_of, "DO_NOT_TRACK": "1"})
        assert done.returncode == code, done.stdout[-4000:]

    def evidence(self, feed: str) -> tuple[tuple[str, ...], str, datetime | None]:
        """Return what the guards see of a feed: failures, how its last build ended, and when that was."""
        manifest, feed_id = Manifest.load(self.folder / "target" / "manifest.json"), f"model.weft.{feed}"
        with open_warehouse(self.folder, env={}) as warehouse:
            shop = Shop(warehouse)
            guards = Guards.model_validate({"checks": True})
            sync = shop.sync(guards=guards, feed_id=feed_id, upstream=manifest.upstream(feed_id))
            found = gather(warehouse, sync, AS_OF)
        return found.failed, found.feed_status, found.feed_built

    def results(self) -> dict[str, tuple[str, int | None, str]]:
        """Return status, failures and day of every node, by its name."""
        with open_warehouse(self.folder, env={}) as warehouse:
            relation = f"{warehouse.engine_schema}.dbt_results"
            rows = warehouse.query(f"select * from {relation} order by node_id")
        assert len({row["node_id"] for row in rows}) == len(rows)
        assert all(row["recorded_at"] is not None for row in rows)
        return {row["node_id"].split(".")[2]: (row["status"], row["failures"], f"{row['as_of']:%F}") for row in rows}


@pytest.fixture(params=["duckdb", "snowflake"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The project on DuckDB, then on Snowflake."""
    if request.param == "duckdb":
        import duckdb

        duckdb.connect(str(tmp_path / "w.duckdb")).close()
        output: dict[str, Any] = {
            "type": "duckdb",
            "path": "w.duckdb",
            "schema": "weft",
            "settings": {"TimeZone": "UTC"},
        }
        return Project(tmp_path, output)
    server = request.getfixturevalue("snowflake")
    keys = ("account", "user", "password", "host")
    output = {key: server[f"SNOWFLAKE_{key.upper()}"] for key in keys}
    output |= {"type": "snowflake", "port": int(server["SNOWFLAKE_PORT"]), "protocol": "http", "schema": "weft"}
    output |= {"database": f"results_{next(_DATABASES)}", "warehouse": "weft", "threads": 1}
    return Project(tmp_path, output)


def test_the_latest_result_of_every_model_and_test_is_kept(project: Project) -> None:
    project.dbt("build")

    first = project.results()
    assert first["first"] == first["third"] == ("success", None, "2026-07-01")
    assert first["not_null_first_id"] == ("pass", 0, "2026-07-01")
    assert len(first) == 5  # three models, two tests; a unit test says nothing of the data

    project.write("first.sql", "select 2 as id")
    project.dbt("build", "--exclude-resource-type", "unit_test", as_of="2026-07-02", code=1)

    failed = project.results()
    accepted = next(name for name in failed if name.startswith("accepted_values"))
    assert failed[accepted] == ("fail", 1, "2026-07-02")
    assert failed["first"] == ("success", None, "2026-07-02")
    assert failed["third"] == ("skipped", None, "2026-07-02")

    project.write("second.sql", "select nothing as id from {{ ref('first') }}")
    project.dbt("run", "--select", "second+", as_of="2026-07-03", code=1)

    broken = project.results()
    assert broken["second"][0::2] == ("error", "2026-07-03")
    assert broken["third"][0::2] == ("skipped", "2026-07-03")
    assert {name: broken[name] for name in (accepted, "first")} == {name: failed[name] for name in (accepted, "first")}
    assert len(broken) == 5


def test_the_guards_of_a_sync_see_what_failed_upstream_of_its_feed(project: Project) -> None:
    project.dbt("build")
    assert project.evidence("third") == ((), "success", AS_OF)
    project.write("first.sql", "select 2 as id")
    project.dbt("build", "--exclude-resource-type", "unit_test", as_of="2026-07-02", code=1)
    failed, status, _ = project.evidence("third")
    assert failed[:2] == ("model second: skipped", "model third: skipped")
    assert failed[2].startswith("test accepted_values_first_id")
    assert failed[2].endswith(": 1 row")
    assert (len(failed), status) == (3, "skipped")
    assert project.evidence("first")[0] == failed[2:]  # what is skipped downstream of a feed is no concern of its sync


def test_a_command_that_runs_nothing_writes_nothing(project: Project) -> None:
    project.dbt("seed")
    for command in ("parse", "compile"):
        project.dbt(command)
    with open_warehouse(project.folder, env={}) as warehouse:
        found = warehouse.query(
            "select count(*) as found from information_schema.tables where lower(table_name) = 'dbt_results'"
        )
    assert found == [{"found": 0}]
