"""What Dagster shows of segments and customers: pictures that hold the numbers, and nothing of nothing."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

from assets.pictures import drawn_metadata, pictures
from warehouse.base import Relation
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse

DAY, BEFORE = date(2026, 7, 2), date(2026, 7, 1)
TABLES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "segment_sizes": (
        "segment varchar, day date, members bigint, entered bigint, exited bigint",
        [("win_back", BEFORE, 1000, 1000, 0), ("win_back", DAY, 1234, 300, 66), ("empty", DAY, 0, 0, 0)],
    ),
    "segment_overlap": (
        "segment varchar, other_segment varchar, members_of_both bigint, jaccard double",
        [("empty", "win_back", 0, 0.0), ("empty", "lapsing", 0, None), ("lapsing", "win_back", 5, 0.125)],
    ),
    "segment_flow": (
        "week date, from_segment varchar, to_segment varchar, people bigint",
        [
            (BEFORE, "none", "win_back", 1000),
            (DAY, "win_back", "win_back", 900),
            (DAY, "win_back", "none", 100),
            (DAY, "none", "lapsing <&>", 7),
        ],
    ),
    "segment_reach": (
        "segment varchar, channel varchar, members bigint, members_with_consent bigint, reachable bigint",
        [("win_back", "email", 1234, 700, 617), ("empty", "email", 0, 0, 0)],
    ),
    "profile_rfm": (
        "recency_score bigint, value_score bigint, rfm_name varchar",
        [(5, 5, "champions"), (5, 4, "champions"), (1, 1, "lost"), (1, 1, "lost")],
    ),
    "profile_lifecycle": ("stage varchar", [("new",), ("lost",), ("lost",), ("none",)]),
}
SHOWN = {
    "segment_sizes": (("win_back", "1,234", "+300", "-66", "empty"), {"win_back": 1234, "empty": 0}),
    "segment_overlap": (("12.5%", "lapsing"), {}),
    "segment_flow": (("win_back 1,000", "lapsing <&> 7", "none 100"), {}),
    "segment_reach": (("617 (50%)", "0 (0%)"), {"win_back by email": 617, "empty by email": 0}),
    "profile_rfm": (("champions", "1 (25.0%)", "2 (50.0%)"), {"champions": 2, "lost": 2}),
    "profile_lifecycle": (("2 (50.0%)", "returned", "0 (0.0%)"), {"new": 1, "lost": 2, "none": 1}),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pictures") / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        for name, (columns, rows) in TABLES.items():
            connection.execute(f"create table {name} ({columns}); create table no_{name} ({columns})")
            connection.executemany(f"insert into {name} values ({', '.join('?' for _ in rows[0])})", rows)
    return file


@pytest.mark.parametrize("model", TABLES)
def test_a_picture_holds_the_numbers_and_nothing_is_shown_of_nothing(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("WEFT_DUCKDB_PATH", str(warehouse))
    with open_warehouse(Path(__file__).parents[2]) as opened:
        metadata = drawn_metadata(opened, model, Relation("main", model))
        assert drawn_metadata(opened, model, Relation("main", f"no_{model}")) == {}
    encoded = re.search(r"base64,([^)]+)\)", metadata.pop("picture").value)
    assert encoded
    texts = list(ElementTree.fromstring(b64decode(encoded[1])).itertext())
    words, numbers = SHOWN[model]
    assert [word for word in words if word not in texts] == []
    assert metadata == numbers


def test_a_project_without_these_models_has_no_pictures(tmp_path: Path) -> None:
    assert pictures(Manifest(tmp_path, "duckdb", {}, {})) == {}
