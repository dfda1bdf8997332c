"""Probable links on public records, end to end: what they add to exact rules, by a truth that no model reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.identity import probable
from tests.examples.conftest import Public

pytest.importorskip("splink", reason="the extra `probabilistic` is not installed")


def test_probable_links_find_half_as_many_again_and_stay_right(public: Public, tmp_path: Path) -> None:
    figures = probable.measure(public("splink"), tmp_path / "project", thresholds=(0.5, 0.95))
    exact = figures["exact"]
    assert exact.precision == 1
    assert round(exact.recall, 3) == 0.405
    low, high = (figures["probable"][threshold] for threshold in (0.5, 0.95))
    assert low.f1 > 0.9
    assert low.precision > 0.98
    assert high.precision > 0.99
    assert high.recall > 1.5 * exact.recall
    assert exact.f1 < high.f1 < low.f1
