"""The benchmark of the profile models runs from end to end on a few people, and the query by hand agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.profiles import main


@pytest.mark.long
def test_builds_are_measured_and_the_query_by_hand_agrees(tmp_path: Path) -> None:
    main(people=500, events=5000, within=tmp_path, results=tmp_path)

    page = (tmp_path / "profiles.md").read_text(encoding="utf-8")
    assert "| +1 % events, of 1 % of the people | 5 | " in page
    assert "| by hand |" in page
