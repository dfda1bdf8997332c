"""What Dagster shows of a sync's run: guards as a check, what was let pass, drift, and a picture of the counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import pytest

from assets.progress import Progress
from assets.resources import ConnectionsResource, PolicyResource, WarehouseResource
from assets.run import outcome_of
from assets.sync_checks import EXIT_CODE
from assets.syncs import ALLOW_TAG, run_metadata, sync_asset
from reverse_etl.destinations.base import Count, Delivery
from reverse_etl.errors import DestinationDown
from reverse_etl.guards import Guards
from reverse_etl.report import Coverage, RunReport, Status
from tests.engine.account import Line, Memory
from tests.engine.conftest import shop as shop
from tests.engine.shop import AS_OF, Shop
from warehouse.base import Warehouse


@dataclass
class Account:
    """Runs a sync of the shop as Dagster does."""

    shop: Shop

    def run(self, allow: str = "", **changes: Any) -> dg.ExecuteInProcessResult:
        self.shop.load()
        sync = self.shop.sync(object="full", **changes)
        asset = sync_asset(sync, Memory, dg.AssetKey("feed"), pool="memory", today=date(2026, 7, 1))
        resources = {
            "warehouse": WarehouseResource(project_dir="."),
            "connections": ConnectionsResource(path="connections.yml"),
            "policy": PolicyResource(project_dir="."),
            "progress": Progress(),
        }
        tags = {ALLOW_TAG: allow} if allow else {}
        return dg.materialize([asset], resources=resources, tags=tags, raise_on_error=False)


@pytest.fixture
def account(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Account:
    @contextmanager
    def opened(_: WarehouseResource) -> Iterator[Warehouse]:
        yield shop.warehouse

    def load(_: ConnectionsResource) -> Mapping[str, Any]:
        return {"memory": Line(shop.account)}

    monkeypatch.setenv("WEFT_AS_OF", AS_OF.isoformat())
    monkeypatch.setattr(WarehouseResource, "open", opened)
    monkeypatch.setattr(ConnectionsResource, "load", load)
    monkeypatch.setattr(PolicyResource, "check", lambda *_: None)
    return Account(shop)


def check(result: dg.ExecuteInProcessResult, name: str) -> Any:
    [found] = [item for item in result.get_asset_check_evaluations() if item.check_name == name]
    return found


def test_a_guard_fails_its_check_and_a_run_tag_lets_it_pass_once(account: Account) -> None:
    account.shop.add("ada", "bea", "cid")
    assert account.run().success
    del account.shop.people["ada"], account.shop.people["bea"]
    rule: dict[str, Any] = {"guards": Guards.model_validate({"max_removed": 1})}

    stopped = account.run(**rule)

    assert stopped.success  # no step failed, so there is no stack trace
    guards = check(stopped, "guards")
    assert (guards.passed, guards.severity, guards.metadata[EXIT_CODE].value) == (False, dg.AssetCheckSeverity.ERROR, 3)
    assert "run tag weft/allow: removals" in guards.description
    assert "| **stops** | max_removed | 1 row | 2 of 3 removed |" in guards.metadata["guards"].value
    assert (check(stopped, "drift").passed, len(account.shop.account.rows)) == (True, 3)
    assert outcome_of(stopped)[0] == 3

    allowed = account.run(**rule, allow="removals, checks")

    guards = check(allowed, "guards")
    assert (guards.passed, guards.metadata["let pass once"].value) == (True, "checks, removals")
    assert "| holds | min_rows | no fewer than 1 row | 1 row |" in guards.metadata["guards"].value
    assert len(account.shop.account.rows) == 1


def test_a_tag_that_means_nothing_fails_the_step_with_what_can_be_allowed(account: Account) -> None:
    account.shop.add("ada")
    code, [message] = outcome_of(account.run(allow="removal"))
    assert code == 2
    assert "did you mean 'removals'?" in message
    assert "run tag weft/allow" in message
    assert account.shop.account.rows == {}


def test_drift_warns_beyond_the_tolerance_and_never_fails_the_run(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.shop.add("ada", "bea", "cid")
    drift = check(account.run(drift=1), "drift")
    assert (drift.passed, drift.metadata["difference"].value) == (True, 0)

    account.shop.account.rows |= {f"{name}@example.com": {} for name in ("x", "y")}  # somebody else added them
    drift = check(account.run(drift=1), "drift")
    assert (drift.passed, drift.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert drift.description == "It says that it holds 5; it confirmed 3. Allowed: 1 row."

    def down(self: Memory, delivery: Delivery) -> Count:
        raise DestinationDown("Memory could not be reached.")

    monkeypatch.setattr(Memory, "count", down)
    result = account.run(drift=1)
    assert (result.success, check(result, "drift").passed) == (True, False)
    assert "could not be asked" in check(result, "drift").description


def test_every_count_above_zero_shows_in_the_picture() -> None:
    planned = {"add": 1200, "remove": 3, "merge": 0}
    metadata = run_metadata(RunReport("run", "sync", Status.DONE, as_of=AS_OF, planned=planned))
    lines = {line.split("|")[1].strip(): line.count("█") for line in metadata["report"].value.splitlines()}
    assert (lines["to add"], lines["to remove"], lines["to merge"]) == (24, 1, 0)
    assert (metadata["planned merge"], metadata["resync"]) == (0, False)


def test_how_many_rows_could_be_matched_is_told_where_the_vendor_does_not() -> None:
    report = RunReport("run", "sync", Status.DONE, as_of=AS_OF)
    assert not [name for name in run_metadata(report) if name.startswith("rows with")]

    report.coverage = Coverage(10, {"email": 9, "phone": 4}, 3, 0)
    told = run_metadata(report)
    assert (told["rows with email"], told["rows with phone"]) == (9, 4)
    assert (told["rows with all of these"], told["rows with none of these"]) == (3, 0)
