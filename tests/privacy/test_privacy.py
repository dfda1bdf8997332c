"""Nobody's data and no secret anywhere but where data belongs, whatever is run and whatever goes wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import syncs
from assets.progress import Progress
from assets.resources import ConnectionsResource, PolicyResource, WarehouseResource
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode
from reverse_etl.destinations.hubspot.destination import HubSpot
from reverse_etl.rows import Op, Row
from sandbox.faults import Kind
from tests.privacy.conftest import Here, Project
from tests.privacy.search import EMAILS, PHONES, SECRETS, found_below, found_in
from warehouse.base import Relation

COMMANDS = (
    ("syncs",),
    ("syncs", "--json"),
    ("plan",),
    ("plan", "--json", "--rows", "5"),
    ("ledger", "to_hubspot"),
    ("ledger", "to_hubspot", "--json"),
    ("ledger", "to_hubspot", "--summary"),
    ("retry", "to_hubspot", "--where", "outcome = 'applied'", "--dry-run"),
    ("retry", "to_hubspot", "--where", "outcome = 'applied'", "--json"),
    ("quarantine", "list"),
    ("quarantine", "list", "to_hubspot", "--rows", "5"),
    ("quarantine", "release", "to_hubspot", "--all"),
    ("drift", "to_klaviyo"),
    ("adopt", "to_klaviyo"),
    ("adopt", "to_klaviyo", "--yes", "--json"),
    ("plan", "to_hubspot", "--out", "sealed.json"),
    ("apply", "sealed.json"),
)
COLUMNS = {
    "sync_runs": ("*",),
    "sync_ledger": ("code", "reason", "job_id"),
    "sync_state": ("quarantined_code", "job_id"),
    "sync_leases": ("*",),
    "dbt_results": ("*",),
}


def leaks(project: Project) -> dict[str, list[str]]:
    """Return everything that should not be there, by where it was found."""
    found = {what: pieces for what, text in project.heard.items() if (pieces := found_in(text))}
    found |= found_below(project.root, project.data)
    for table, columns in COLUMNS.items():
        if project.sql(f"select 1 from duckdb_tables() where table_name = '{table}'"):
            rows = project.sql(f"select {', '.join(columns)} from weft_engine.{table}")
            if pieces := found_in(str(rows)):
                found[table] = pieces
    return found


def test_a_refresh_by_dagster_writes_nobody_down(project: Project) -> None:
    delivered = {name: len(account.records) for name, account in project.sandbox.accounts.items()}
    assert delivered["klaviyo"] == delivered["hubspot"] == len(EMAILS)
    assert (project.root / ".weft" / "dagster").exists()
    assert list(project.root.rglob("*.db")), "there must be an event log to search"
    assert leaks(project) == {}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DELAY])
def test_a_fault_of_a_vendor_that_repeats_what_it_was_sent_writes_nobody_down(here: Here, kind: Kind) -> None:
    project = here.project
    project.change()
    here.patch.setenv("WEFT_STATE_DIR", str(project.root / "state" / kind))  # no breaker of the fault before
    match = {"match": "."} if kind is Kind.REFUSE_ROWS else {}
    project.sandbox.fault(kind, seconds=0.01, **match)
    for name in SECRETS:
        account = project.sandbox.accounts[name]
        before = len(account.calls)
        here.weft("run", f"to_{name}", "--json", name=kind)
        assert len(account.calls) > before, "the fault must have had something to hit"
    project.sandbox.clear_faults()
    assert leaks(project) == {}


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_command_shows_nobody_unless_asked_to(here: Here, arguments: tuple[str, ...]) -> None:
    here.project.change()
    # 3: the feed changed since the plan was sealed
    assert here.weft(*arguments) in (0, 3), here.project.heard[" ".join(arguments) + " "]
    assert leaks(here.project) == {}


def test_an_error_that_nobody_foresaw_is_told_without_its_message(here: Here) -> None:
    def broken(self: HubSpot, delivery: Any, op: Op, rows: Sequence[Row]) -> Any:
        raise KeyError(rows[0].key)

    here.patch.setattr(HubSpot, "send", broken)
    here.project.change()
    assert here.weft("run", "to_hubspot", name="with a bug") == 1
    heard = here.project.heard["run to_hubspot with a bug"]
    assert "KeyError" in heard
    assert "test_privacy.py" in heard, "the place must be told, so that it can be mended"
    assert leaks(here.project) == {}


def test_dagster_keeps_no_message_of_an_error_that_nobody_foresaw(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        try:
            raise KeyError(EMAILS[0])
        except KeyError as error:
            raise ValueError(f"{EMAILS[1]} has no phone {PHONES[1]}") from error

    monkeypatch.setattr(syncs, "run_sync", broken)
    sync = SyncDefinition(
        name="private", label="Private", feed=Relation("weft", "sync_hubspot__contacts"), connection="hubspot",
        destination="hubspot", object="contact", mode=Mode.MIRROR, key="email",
    )  # fmt: skip
    monkeypatch.setattr(PolicyResource, "check", lambda *_: None)
    asset = syncs.sync_asset(sync, HubSpot, dg.AssetKey("feed"), pool="warehouse", today=date(2026, 7, 1))
    resources = {
        "warehouse": WarehouseResource(project_dir=str(project.root)),
        "connections": ConnectionsResource(path=str(project.root / "connections.yml")),
        "policy": PolicyResource(project_dir=str(project.root)),
        "progress": Progress(),
    }
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False)
    assert not result.success
    [failure] = result.get_step_failure_events()
    assert "ValueError after KeyError" in str(failure)
    assert list(tmp_path.rglob("*.db"))
    assert found_below(tmp_path) == {}


def test_a_warehouse_that_quotes_a_value_is_not_quoted(here: Here) -> None:
    view = "create or replace view weft.sync_hubspot__contacts as select profile_id, email, phone, weft_tier, "
    here.project.sql("create table weft.kept as from weft.sync_hubspot__contacts")
    here.project.sql("drop table weft.sync_hubspot__contacts")
    for number, wrong in enumerate(("cast(email as int)", "strptime(firstname, '%Y')", "cast(phone as tinyint)")):
        here.project.sql(f"{view} {wrong} as firstname from weft.kept")
        assert here.weft("run", "to_hubspot", name=f"of a wrong value {number}") != 0
    here.project.sql("drop view weft.sync_hubspot__contacts")
    here.project.sql("create table weft.sync_hubspot__contacts as from weft.kept")
    assert leaks(here.project) == {}


def test_a_leak_on_purpose_is_found_wherever_it_is(project: Project, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("create table events (body text)")
        connection.execute("insert into events values (?)", ["x" * 5000 + EMAILS[0].upper() + "y" * 5000])
    connection.close()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "run.log").write_text('GET /api/profiles?filter=any(email,["zq7person1%40leak"]) 200')
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "raw.csv").write_text(EMAILS[0])
    assert set(found_below(tmp_path, [tmp_path / "allowed"])) == {"events.db", "deep/run.log"}
    project.heard["on purpose"] = f"could not send {EMAILS[2]}"
    try:
        assert "on purpose" in leaks(project)
    finally:
        del project.heard["on purpose"]
