"""A few kills of each kind of sync; ``make kill-test`` does hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill import LIVES, Wrong, live


@pytest.mark.parametrize("name", LIVES)
def test_a_sync_that_is_killed_ends_right_and_accounts_for_every_row(name: str, tmp_path: Path) -> None:
    tally = live(name, tmp_path, seed=1, kills=2)
    assert tally.kills.total() == 2
    assert tally.runs >= 2


def test_a_destination_that_forgets_rows_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="missing"):
        live("mirror", tmp_path, seed=1, kills=1, loses=50)
