"""Google's word on a request comes later than a run waits: its rows stay open over as many runs as that takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.case import Stage
from conformance.play import Play
from sandbox.server import Running
from tests.destinations.google.case import CASES
from warehouse.duck import DuckWarehouse


@pytest.fixture
def play(shared: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    shared.sandbox.reset()
    monkeypatch.setenv("WEFT_STATE_DIR", str(tmp_path))
    with DuckWarehouse(":memory:", "weft", {"TimeZone": "UTC"}) as warehouse:
        yield Play(CASES[0], Stage(shared, tmp_path), warehouse)


def asked(play: Play) -> int:
    paths = [call["path"] for call in play.stage.sandbox.accounts["google"].calls]
    return sum(path.endswith("requestStatus:retrieve") for path in paths)


def test_rows_stay_open_over_many_runs_and_each_asks_once(play: Play) -> None:
    play.add(*range(4))
    play.fault("job_stuck")
    before = asked(play)
    first = play.run(settle_seconds=0)
    again = [play.run(settle_seconds=0) for _ in range(3)]

    assert (first.sent, first.applied, first.accepted) == (4, 0, 4)
    assert {(report.sent, report.applied) for report in again} == {(0, 0)}
    assert asked(play) - before == 4
    assert play.held() == {}

    play.stage.sandbox.clear_faults()
    play.add(7)
    last = play.run()
    assert (last.sent, last.accepted) == (1, 0)
    assert play.held() == play.wanted()


def test_who_leaves_while_google_is_at_it_is_taken_out_afterwards(play: Play) -> None:
    play.add(*range(4))
    play.fault("job_stuck")
    play.run(settle_seconds=0)
    play.drop(2)
    play.change(3)
    play.run(settle_seconds=0)

    play.stage.sandbox.clear_faults()
    play.run()
    play.run()
    assert play.held() == play.wanted()
    assert play.run().sent == 0
