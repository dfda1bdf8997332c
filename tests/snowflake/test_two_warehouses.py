"""One project, two warehouses: what Snowflake publishes is what DuckDB publishes, row for row."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lineage.gate import problems
from lineage.project import ProjectLineage
from reverse_etl.connections import load_connections
from reverse_etl.definitions import load_syncs
from sandbox.server import Running, start
from tests.conftest import ROOT, Shell, shell
from tests.snowflake.raw import load_raw
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse

AS_OF = "2026-07-01T00:00:00"
SYNC = "klaviyo_winback"
HASHES = {"bucket", "event_hash", "fingerprint"}  # made by the warehouse's own function, and compared with nothing else
DATABASE = "two_warehouses"  # the emulator lives as long as the process, and other tests build in it too


@dataclass(frozen=True)
class Both:
    """The same demo, built on both warehouses."""

    duckdb: Shell
    snowflake: Shell
    sandbox: Running

    def manifest(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(Path(self.duckdb.env["WEFT_MANIFEST"]).read_text(encoding="utf-8"))
        return loaded

    def published(self) -> dict[str, list[str]]:
        """Every published model with the names of its columns."""
        return {
            f"{node['schema']}.{node['name']}": [name for name in node["columns"] if name not in HASHES]
            for node in self.manifest()["nodes"].values()
            if node["resource_type"] == "model" and node["config"]["access"] == "public"
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, snowflake: dict[str, str]) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("two_warehouses")
    with start() as sandbox:
        common = {"WEFT_AS_OF": AS_OF, **sandbox.environment()}
        duckdb = shell(home, **common)
        duckdb.run("demo", "generate", "--people", "400", "--day", "1", "--out", str(home / "raw"))
        duckdb.dbt("build")
        elsewhere = home / "snowflake"
        elsewhere.mkdir()
        emulated = shell(elsewhere, **common, **snowflake, SNOWFLAKE_DATABASE=DATABASE)
        with open_warehouse(ROOT, env=emulated.env):  # the first connection creates the database
            load_raw(Path(duckdb.env["WEFT_MANIFEST"]), DATABASE)
        emulated.dbt("build")
        yield Both(duckdb, emulated, sandbox)


def rows(at: Shell, relation: str, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """The rows of a relation, as a multiset of tuples that both warehouses' drivers agree on."""
    with open_warehouse(ROOT, env=at.env) as warehouse:
        listed = ", ".join(columns)
        return Counter(
            tuple(plain(row[column]) for column in columns)
            for row in warehouse.query(f"select {listed} from {relation}")
        )


def number(text: str) -> float:
    return round(float(text), 6)


def plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, (Decimal, float, int)):
        return None if math.isnan(value) else round(float(value), 6)
    text = str(value)
    if text[:1] in "[{":
        return json.dumps(json.loads(text, parse_float=number, parse_int=number), sort_keys=True)
    return None if value is None else text


def test_published_models_hold_the_same_rows(both: Both) -> None:
    published = both.published()
    assert len(published) > 15
    for relation, columns in published.items():
        here, there = rows(both.duckdb, relation, columns), rows(both.snowflake, relation, columns)
        assert sorted((here - there).elements())[:2] == sorted((there - here).elements())[:2], f"{relation}: {columns}"
        assert here == there
    assert rows(both.snowflake, "weft_segments.segment_memberships", ["segment", "profile_id"])


def test_columns_come_from_the_same_places_under_the_same_labels(both: Both) -> None:
    """What the two builds ran is followed, each in its dialect."""
    connections = load_connections(ROOT / "connections.yml")
    told = []
    for at in (both.duckdb, both.snowflake):
        manifest = Manifest.load(Path(at.env["WEFT_MANIFEST"]))
        syncs = load_syncs(manifest, connections)
        found = ProjectLineage(ROOT, manifest, connections, syncs)
        assert found.graph.unreadable == {}
        assert [str(problem) for sync in syncs for problem in problems(found, sync)] == []
        traced = {
            (model, column): found.tracer.column(f"model.weft.{model}", column)
            for relation, columns in both.published().items()
            for model in [relation.split(".")[1]]
            for column in columns
        }
        told.append(
            {
                key: ({(one.label, one.how) for one in value.carried}, {path[0][:2] for path in value.sources})
                for key, value in traced.items()
            }
        )
    assert len(told[0]) > 150
    assert told[0] == told[1]


def test_a_second_build_on_snowflake_changes_nothing(both: Both) -> None:
    before = rows(both.snowflake, "weft_identity.identity_map", ["identifier_type", "identifier_value", "profile_id"])
    history = rows(
        both.snowflake, "weft_segments.segment_history", ["segment", "profile_id", "entered_at", "exited_at"]
    )
    both.snowflake.dbt("build", "--exclude-resource-type", "unit_test")
    after = rows(both.snowflake, "weft_identity.identity_map", ["identifier_type", "identifier_value", "profile_id"])
    assert after == before
    again = rows(both.snowflake, "weft_segments.segment_history", ["segment", "profile_id", "entered_at", "exited_at"])
    assert again == history


def test_a_sync_runs_from_snowflake_and_then_sends_nothing(both: Both) -> None:
    first = json.loads(both.snowflake.run("weft", "run", SYNC, "--json").stdout)
    feed = rows(both.snowflake, "weft_syncs.sync_klaviyo__winback", ["email"])
    members = {member["email"] for member in both.sandbox.accounts["klaviyo"].members("WINBACK")}
    (report,) = first["syncs"] if isinstance(first, dict) and "syncs" in first else first
    assert report["applied"] == len(members) > 0
    assert members <= {email for (email,) in feed}
    (again,) = json.loads(both.snowflake.run("weft", "run", SYNC, "--json").stdout)
    assert again["sent"] == 0
