"""A key that is renewed in .env while a run is under way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.connections import load_connections
from reverse_etl.engine import run_sync
from reverse_etl.errors import ConfigError
from reverse_etl.report import Status
from sandbox.server import Running
from tests.engine.conftest import duckdb_project
from tests.engine.shop import AS_OF, Shop
from warehouse.profile import open_warehouse
from warehouse.project import environment_now, load_settings


@pytest.fixture
def environment() -> Iterator[None]:
    """An environment of this test's own."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def write(folder: Path, **values: str) -> None:
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


@pytest.mark.usefixtures("environment")
def test_a_run_goes_on_with_the_key_that_was_renewed_on_both_sides(
    sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api: Any = sandbox.sandbox.apis["hubspot"]
    write(tmp_path, CRM_TOKEN=api.key, CRM_URL=f"{sandbox.url}/hubspot")
    (tmp_path / "connections.yml").write_text(
        "connections: {crm: {destination: hubspot, base_url: '${CRM_URL}', access_token: '${CRM_TOKEN}'}}"
    )
    load_settings(tmp_path)
    upsert: Callable[[Any], Any] = api.upsert

    def renewed_after_the_first_batch(request: Any) -> Any:
        monkeypatch.setattr(api, "key", "pat-renewed")
        write(tmp_path, CRM_TOKEN="pat-renewed", CRM_URL="https://elsewhere.example.com")
        return upsert(request)

    monkeypatch.setattr(api, "upsert", renewed_after_the_first_batch)
    with open_warehouse(duckdb_project(tmp_path), env={}) as warehouse:
        shop = Shop(warehouse, columns=("email", "firstname"))
        warehouse.execute("create schema if not exists weft_shop")
        names = [f"renewed{number}" for number in range(1_500)]  # more batches than go at a time
        shop.people = {name: {"email": f"{name}@example.com", "firstname": name} for name in names}
        shop.granted = set(names)
        shop.load()
        sync = shop.sync(mode="upsert", connection="crm", destination="hubspot")
        report = run_sync(warehouse, sync, load_connections(tmp_path / "connections.yml"), AS_OF)

    assert (report.status, report.applied) == (Status.DONE, 1_500)
    assert 401 in [call["status"] for call in sandbox.accounts["hubspot"].calls]


@pytest.mark.usefixtures("environment")
def test_what_the_environment_itself_sets_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN", "own")
    write(tmp_path, OWN="file", KEY="old", CHANGED="old")
    load_settings(tmp_path)
    assert environment_now()["KEY"] == "old"

    os.environ["CHANGED"] = "own"  # as a command does for those that it starts
    write(tmp_path, OWN="newer", KEY="new", CHANGED="new", FRESH="new")
    load_settings(tmp_path)  # as a process does that this one started

    now = environment_now()
    assert [now[name] for name in ("OWN", "KEY", "CHANGED", "FRESH")] == ["own", "new", "own", "new"]


@pytest.mark.usefixtures("environment")
def test_a_file_that_is_gone_or_broken_changes_nothing(tmp_path: Path) -> None:
    assert environment_now() == os.environ  # nothing was ever read
    write(tmp_path, KEY="old")
    load_settings(tmp_path)
    (tmp_path / ".env").write_text("KEY='half")
    with pytest.raises(ConfigError, match="no setting"):
        environment_now()
    (tmp_path / ".env").unlink()
    assert environment_now()["KEY"] == "old"
