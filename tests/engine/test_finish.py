"""The end of a run: a file that is written as a whole holds what the state says, whatever happened before."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.destinations.base import Destination
from reverse_etl.destinations.files.settings import FilesSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.engine import run_sync
from reverse_etl.errors import DestinationDown, DestinationRefused, GuardTripped
from reverse_etl.guards import Guards
from reverse_etl.report import RunReport, Status
from tests.engine.shop import AS_OF, Shop


@dataclass
class Line:
    """A connection that is open."""

    destination: Destination

    def open(self) -> Destination:
        return self.destination


class Folder:
    """A shop whose feed goes into a snapshot."""

    def __init__(self, shop: Shop, root: Path) -> None:
        self.shop, self.root = shop, root
        self.file = root / "people.ndjson"

    def run(self, *, allow: frozenset[str] = frozenset(), **changes: Any) -> RunReport:
        self.shop.load()
        told = {"connection": "files", "destination": "files", "object": "snapshot", "target": "people"}
        lines: Any = {"files": Line(connect("files", FilesSettings(url=str(self.root), format="ndjson")))}
        sync = self.shop.sync(**{**told, **changes})
        return run_sync(self.shop.warehouse, sync, lines, AS_OF, allow=allow, clock=self.shop.clock)

    def held(self) -> set[str]:
        return {json.loads(line)["email"] for line in self.file.read_text("utf-8").splitlines()}


def emails(*names: str) -> set[str]:
    return {f"{name}@example.com" for name in names}


def test_a_snapshot_holds_the_feed_after_every_run_also_when_nothing_changed(any_shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    folder = Folder(any_shop, tmp_path / "out")
    any_shop.add("anna", "bea", "cleo")
    folder.run()
    assert folder.held() == emails("anna", "bea", "cleo")

    folder.file.unlink()  # somebody has fetched it
    assert folder.run().sent == 0
    assert folder.held() == emails("anna", "bea", "cleo")

    del any_shop.people["bea"]
    any_shop.people["anna"]["orders"] = 7
    folder.run()
    rows = [json.loads(line) for line in folder.file.read_text("utf-8").splitlines()]
    assert [(row["email"], row["orders"]) for row in rows] == [("anna@example.com", 7), ("cleo@example.com", 1)]


def test_a_run_whose_file_could_not_be_written_has_failed_and_the_next_one_writes_it(
    shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    folder = Folder(shop, tmp_path / "out")
    shop.add("anna")
    folder.run()
    shop.add("bea")
    folder.file.unlink()
    (folder.file / "in the way").mkdir(parents=True)

    with pytest.raises(DestinationDown, match=r"was not written"):
        folder.run()
    [run] = [line for line in shop.engine("sync_runs") if line["sent"] == 1 and line["status"] == "failed"]
    assert "written" in run["message"]

    shutil.rmtree(folder.file)
    assert folder.run().status is Status.DONE
    assert folder.held() == emails("anna", "bea")


def test_who_asked_out_leaves_the_file_also_when_a_guard_stops_the_run(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    folder = Folder(shop, tmp_path / "out")
    shop.add("anna", "bea", "cleo", "dora")
    folder.run()
    shop.granted.discard("anna")
    for name in ("bea", "cleo"):
        del shop.people[name]

    with pytest.raises(GuardTripped):
        folder.run(guards=Guards(max_removed_rows=1))
    assert folder.held() == emails("bea", "cleo", "dora")


def test_a_place_that_is_gone_is_told_by_a_run_that_has_nothing_to_send(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    folder = Folder(shop, tmp_path / "out")
    shop.add("anna")
    folder.run()
    shutil.rmtree(tmp_path / "out")

    with pytest.raises(DestinationRefused, match="ENOENT"):
        folder.run()
