"""The same on Snowflake's protocol: scratch schemas in production's database, clones, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Project
from tests.commands import dbt
from tests.diff.conftest import AS_OF, git, project_in, write, write_project
from tests.snowflake.raw import load_raw
from warehouse.profile import open_warehouse

DATABASE = "diff_mini"
MODELS = {
    "seg_buyers": "select profile_id from {{ ref('profile_traits') }} where orders >= {{ var('least') }}",
    "seg_readers": "select profile_id from {{ ref('profiles') }} where first_name = 'Ada'",
}


@pytest.fixture
def production(
    tmp_path: Path, snowflake: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    root = tmp_path / "project"
    write_project(root)
    write(root, MODELS)
    (root / "seeds" / "channels.csv").unlink()
    server = {name.removeprefix("SNOWFLAKE_").lower(): value for name, value in snowflake.items()}
    output: dict[str, Any] = {key: server[key] for key in ("account", "user", "password", "host")}
    output |= {"type": "snowflake", "port": int(server["port"]), "protocol": "http", "warehouse": "weft"}
    output |= {"database": DATABASE, "schema": "weft", "threads": 1}
    profile = {"mini": {"target": "snowflake", "outputs": {"snowflake": output}}}
    (root / "profiles.yml").write_text(yaml.safe_dump(profile))
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "What production was built from")
    project = project_in(root, capsys, monkeypatch)
    with open_warehouse(root):  # the first connection creates the database
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        dbt("parse", "--quiet", cwd=root, env=settings)
        load_raw(root / "target" / "manifest.json", DATABASE)
    done = dbt("run", "--quiet", cwd=root, env=settings | {"WEFT_AS_OF": AS_OF})
    assert done.returncode == 0, done.stdout
    return project


def relations(root: Path) -> dict[str, list[Any]]:
    """Return every table of the database with its rows."""
    with open_warehouse(root) as warehouse:
        names = warehouse.query(
            "select table_schema, table_name from information_schema.tables "
            f"where table_catalog = '{DATABASE.upper()}' and table_schema <> 'INFORMATION_SCHEMA'"
        )
        found = {f"{row['table_schema']}.{row['table_name']}" for row in names}
        return {name: sorted(map(repr, warehouse.query(f"select * from {name}"))) for name in sorted(found)}


def test_a_change_is_built_in_scratch_schemas_that_are_gone_in_the_end(production: Project) -> None:
    before = relations(production.root)
    assert "WEFT.SEGMENT_HISTORY" in before
    settings = production.root / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("least: 5", "least: 7"))

    answer = production.weft("diff", "--json")

    assert answer.code == 0, answer.err
    assert relations(production.root) == before
    [buyers] = answer.json["segments"]
    assert [buyers[name] for name in ("name", "before", "after", "leave")] == ["buyers", 100, 60, 40]
    assert next(trait for trait in buyers["leavers"] if trait["name"] == "orders")["movers"] == 5.5
    assert answer.json["built"] == ["seg_buyers", "segment_history", "sync_klaviyo__winback"]
    [sync] = answer.json["syncs"]
    assert (sync["before"]["feed_rows"], sync["after"]["feed_rows"]) == (100, 60)
    assert sync["after"]["add"] < sync["before"]["add"]
    with open_warehouse(production.root) as warehouse:
        schemas = [row["schema_name"] for row in warehouse.query("select schema_name from information_schema.schemata")]
    assert not [name for name in schemas if "_DIFF_" in name.upper()]
