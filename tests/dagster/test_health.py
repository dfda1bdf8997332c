"""What Dagster shows of the identity graph's health: a picture, numbers, and warnings in words."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import dagster as dg
import duckdb
import pytest

from assets.health import health_metadata
from assets.pictures import PictureEvents
from assets.resources import WarehouseResource
from assets.words import Words
from identity.health import read
from warehouse.base import Relation
from warehouse.errors import ConfigError
from warehouse.profile import open_warehouse

KEY = dg.AssetKey(["identity", "identity_health"])
MODEL = Relation("weft_identity", "identity_health")
TEST = "test.weft.merge_rate_does_not_jump.1"
MANIFEST = {"nodes": {TEST: {"name": "merge_rate_does_not_jump", "resource_type": "test"}}}
WORDS = "The metric merges of identity_health jumped: 100 people."
ROWS = [
    (date(2026, 1, 1), "people", "any", "all", 1, 10, None),
    (date(2026, 1, 1), "people_by_size", "any", "1", 1, 10, 1.0),
    (date(2026, 1, 1), "merges", "any", "all", 1, 0, 0.0),
    (date(2026, 1, 2), "people", "any", "all", 1, 1200, None),
    (date(2026, 1, 2), "people_by_size", "any", "1", 1, 1200, 1.0),
    (date(2026, 1, 2), "people_by_size", "any", "2", 2, 0, 0.0),
    (date(2026, 1, 2), "merges", "any", "all", 1, 7, 0.005),
    (date(2026, 1, 2), "blocked_identifiers", "any", "all", 1, 3, 0.002),
    (date(2026, 1, 2), "blocked_identifiers_by_reason", "email", "test & <address>", 1, 3, 0.01),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose warehouse holds two days of health."""
    root = Path(__file__).parents[2]
    monkeypatch.setenv("WEFT_DUCKDB_PATH", str(tmp_path / "warehouse.duckdb"))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema weft_identity")
        connection.execute(
            "create table weft_identity.identity_health (measured_on date, metric varchar, identifier_type varchar, "
            "detail varchar, position bigint, value bigint, share double)"
        )
        connection.executemany("insert into weft_identity.identity_health values (?, ?, ?, ?, ?, ?, ?)", ROWS)
    return root


def test_a_day_is_shown_as_a_picture_a_table_and_numbers_to_draw(project: Path) -> None:
    with open_warehouse(project) as warehouse:
        metadata = health_metadata(read(warehouse, MODEL))
    assert (metadata["people"], metadata["merges"]) == (1200, 7)
    assert metadata["share of blocked identifiers"] == 0.002
    table = metadata["people by number of identifiers"].value
    assert "| 1 | 1,200 |" in table
    assert len(table) < 1000  # what is longer is opened by a click only
    encoded = re.search(r"base64,([^)]+)\)", metadata["picture"].value)
    assert encoded
    shown = " ".join(ElementTree.fromstring(b64decode(encoded[1])).itertext())
    for text in ("1,200 (100.0%)", "merges 7", "blocked 0.20%", "2026-01-01", "2026-01-02"):
        assert text in shown
    assert "test & <address>" in metadata["picture"].value


def test_nothing_measured_shows_nothing_and_a_missing_table_says_what_to_do(project: Path) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute("delete from weft_identity.identity_health")
        assert health_metadata(read(warehouse, MODEL)) == {}
        with pytest.raises(ConfigError, match="dbt build"):
            read(warehouse, Relation("weft_identity", "elsewhere"))


def test_the_events_of_the_model_wait_for_the_picture_and_no_other_does(project: Path) -> None:
    events = PictureEvents({KEY: lambda opened: health_metadata(read(opened, MODEL))})
    check = dg.AssetCheckResult(passed=True, asset_key=KEY, check_name="unique")
    assert events.keeps(dg.Output(None, output_name=KEY.to_python_identifier(), metadata={"status": "success"}))
    assert events.keeps(check)
    assert not events.keeps(dg.Output(None, output_name="identity__identity_map"))
    output, kept = events.released(dg.build_asset_context(), WarehouseResource(project_dir=str(project)))
    assert kept is check
    assert output.metadata["people"].value == 1200
    assert output.metadata["status"].value == "success"


def test_a_warehouse_that_cannot_be_read_costs_the_picture_and_nothing_else(project: Path, tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("no database")
    events = PictureEvents({KEY: lambda opened: health_metadata(read(opened, MODEL))})
    events.keeps(dg.Output(None, output_name=KEY.to_python_identifier(), metadata={"status": "success"}))
    (output,) = events.released(dg.build_asset_context(), WarehouseResource(project_dir=str(project)))
    assert set(output.metadata) == {"status"}


def test_a_failed_check_says_what_its_test_said() -> None:
    words = Words(MANIFEST)
    said = {"info": {"name": "JinjaLogWarning"}, "data": {"msg": f"merge_rate_does_not_jump: {WORDS}"}}
    assert words.hear(said) == WORDS
    assert words.hear({"info": {"name": "JinjaLogWarning"}, "data": {"msg": "something: else"}}) is None
    assert (
        words.hear({"info": {"name": "LogTestResult"}, "data": {"msg": f"merge_rate_does_not_jump: {WORDS}"}}) is None
    )
    failed = dg.AssetCheckResult(passed=False, asset_key=KEY, metadata={"unique_id": TEST})
    assert words.describe(failed).description == WORDS
    other = dg.AssetCheckResult(passed=False, asset_key=KEY, metadata={"unique_id": "test.weft.other.1"})
    assert words.describe(other) is other
