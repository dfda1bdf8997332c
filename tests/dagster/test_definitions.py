"""The code location as Dagster loads it: the graph from source to destination, owners, pools and checks."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.dbt import group_of
from assets.run import outcome_of
from assets.syncs import run_metadata, sync_asset
from reverse_etl.definitions import load_syncs
from reverse_etl.destinations import registry
from reverse_etl.report import RunReport, Status
from tests.conftest import ROOT, shell
from warehouse.manifest import Manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("dagster")
    shell(home).dbt("parse", "--quiet")
    return home / "target" / "manifest.json"


@pytest.fixture(scope="module")
def graph(manifest: Path) -> dg.Definitions:
    from assets.definitions import defs

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("WEFT_MANIFEST", str(manifest))
        loaded = defs()
    assert isinstance(loaded, dg.Definitions)
    return loaded


@pytest.fixture(scope="module")
def specs(graph: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in graph.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def project(manifest: Path) -> dict[str, Any]:
    return dict(json.loads(manifest.read_text()))


def upstream(specs: dict[str, dg.AssetSpec], key: str) -> set[str]:
    """Return everything that an asset stands on."""
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        for dep in specs[waiting.pop()].deps:
            name = dep.asset_key.to_user_string()
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def test_every_sync_exposure_is_an_asset_on_its_feed_with_its_owner(
    specs: dict[str, dg.AssetSpec], project: dict[str, Any]
) -> None:
    exposures = [item for item in project["exposures"].values() if "sync" in item["config"]["meta"]]
    assert exposures
    for exposure in exposures:
        spec = specs[f"sync/{exposure['name']}"]
        feed = project["nodes"][exposure["depends_on"]["nodes"][0]]
        assert [dep.asset_key.path[-1] for dep in spec.deps] == [feed["name"]]
        assert list(spec.owners) == [exposure["owner"]["email"]]
        assert spec.group_name == "reverse_etl"


def test_the_graph_goes_from_the_raw_tables_to_the_destinations(specs: dict[str, dg.AssetSpec]) -> None:
    destinations = [key for key, spec in specs.items() if spec.group_name == "destinations"]
    assert set(destinations) == {
        "klaviyo/list/WINBACK",
        "hubspot/contact",
        "meta/custom_audience/120000000000001",
    }
    for key in destinations:
        assert {"raw_shopify/order", "identity/identity_map", "profiles/profiles"} <= upstream(specs, key)


def test_every_model_and_source_is_an_asset_in_the_group_of_its_folder(
    specs: dict[str, dg.AssetSpec], project: dict[str, Any]
) -> None:
    models = [node for node in project["nodes"].values() if node["resource_type"] == "model"]
    groups = {key.rsplit("/", 1)[-1]: spec.group_name for key, spec in specs.items()}
    assert {node["name"]: groups[node["name"]] for node in models} == {node["name"]: group_of(node) for node in models}
    sources = [spec for spec in specs.values() if spec.group_name == "raw"]
    assert len(sources) == len(project["sources"])
    assert {kind for spec in sources for kind in spec.kinds} == {"parquet", "csv", "json"}


def test_models_have_the_owner_of_their_group(specs: dict[str, dg.AssetSpec]) -> None:
    assert list(specs["identity/identity_map"].owners) == ["customer-data@example.com"]
    assert list(specs["consent/suppressions"].owners) == ["privacy@example.com"]


def test_on_duckdb_every_step_that_writes_shares_one_pool(graph: dg.Definitions) -> None:
    steps = [asset for asset in graph.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    assert {asset.op.pool for asset in steps} == {"warehouse"}


def test_on_snowflake_a_sync_waits_for_its_account_only(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for sync in load_syncs(Manifest.load(manifest)):
        asset = sync_asset(
            sync, registry.get(sync.destination), dg.AssetKey("feed"), pool=sync.connection, today=date(2026, 7, 1)
        )
        assert asset.op.pool == sync.connection


def test_dbt_tests_guards_and_api_versions_are_asset_checks(graph: dg.Definitions) -> None:
    checks = graph.resolve_asset_graph().asset_check_keys
    names = {(check.asset_key.to_user_string(), check.name) for check in checks}
    for name in ("guards", "delivered", "api_version"):
        assert ("sync/klaviyo_winback", name) in names
    assert sum(key == "profiles/profiles" for key, _ in names) >= 2  # not null and unique, at least


def test_the_job_holds_everything_and_the_schedule_is_off(graph: dg.Definitions) -> None:
    job = graph.resolve_job_def("refresh")
    executable = graph.resolve_asset_graph().executable_asset_keys
    assert set(job.asset_layer.executable_asset_keys) == executable
    assert graph.resolve_schedule_def("daily").default_status == dg.DefaultScheduleStatus.STOPPED


def test_what_a_run_shows_holds_counts_and_no_person() -> None:
    report = RunReport("run", "sync", Status.DONE, as_of=_moment(), planned={"add": 1200, "remove": 3}, sent=1203)
    report.applied, report.refused, report.api_calls, report.blocked = 1201, 2, 4, {"consent": 7}

    metadata = run_metadata(report)

    assert (metadata["planned add"], metadata["sent"], metadata["API calls"], metadata["kept back"]) == (
        1200,
        1203,
        4,
        7,
    )
    assert "| to add | 1,200 |" in metadata["report"].value
    assert "| kept back: consent | 7 |" in metadata["report"].value


@pytest.mark.parametrize(("days", "passed"), [(91, True), (89, False)])
def test_an_api_version_that_ends_soon_is_told_ninety_days_before(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, days: int, passed: bool
) -> None:
    result = _run_sync(manifest, monkeypatch, RunReport("run", "sync", Status.DONE, as_of=_moment()), days_left=days)
    (check,) = [item for item in result.get_asset_check_evaluations() if item.check_name == "api_version"]
    assert (result.success, check.passed) == (True, passed)


def test_a_guard_is_a_failed_check_and_exit_code_three_not_a_stack_trace(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reverse_etl.errors import GuardTripped

    result = _run_sync(manifest, monkeypatch, GuardTripped("Too many rows would be removed.", fix="Look at the plan."))

    assert result.success
    assert result.asset_materializations_for_node("sync_klaviyo_winback") == []
    code, messages = outcome_of(result)
    assert code == 3
    assert messages == ["klaviyo_winback: Too many rows would be removed.\n  fix:   Look at the plan."]


def test_a_known_error_fails_the_step_with_its_message_and_its_exit_code(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reverse_etl.errors import FeedError

    result = _run_sync(manifest, monkeypatch, FeedError("The feed has a null key.", where="column email"))

    assert not result.success
    assert outcome_of(result) == (2, ["klaviyo_winback: The feed has a null key.\n  where: column email"])


def _moment() -> Any:
    from datetime import datetime

    return datetime(2026, 7, 1)


def _run_sync(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, outcome: RunReport | Exception, days_left: int = 900
) -> dg.ExecuteInProcessResult:
    """Run one sync asset whose engine returns, or raises, what the test says."""
    import contextlib

    from assets import syncs
    from assets.progress import Progress
    from assets.resources import ConnectionsResource, PolicyResource, WarehouseResource

    def engine(*_: Any, **__: Any) -> RunReport:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WEFT_AS_OF", "2026-07-01")
    monkeypatch.setattr(syncs, "run_sync", engine)
    monkeypatch.setattr(WarehouseResource, "open", lambda self: contextlib.nullcontext())
    monkeypatch.setattr(PolicyResource, "check", lambda *_: None)
    sync = next(item for item in load_syncs(Manifest.load(manifest)) if item.name == "klaviyo_winback")
    destination = registry.get(sync.destination)
    today = (destination.api_version_ends or date(2028, 1, 1)) - timedelta(days=days_left)
    asset = sync_asset(sync, destination, dg.AssetKey("feed"), pool="warehouse", today=today)
    resources = {
        "warehouse": WarehouseResource(project_dir=str(ROOT)),
        "connections": ConnectionsResource(path=str(ROOT / "connections.yml")),
        "policy": PolicyResource(project_dir=str(ROOT)),
        "progress": Progress(),
    }
    return dg.materialize([asset], resources=resources, raise_on_error=False)
