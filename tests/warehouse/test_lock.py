"""One process at a time, also after the one before was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.errors import WeftError
from warehouse.lock import alone

HOLD = """
import sys, time
from pathlib import Path
from warehouse.lock import alone
with alone(Path(sys.argv[1]), "run", print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_waits_says_for_whom_and_goes_on_when_the_first_is_killed(tmp_path: Path) -> None:
    file, told = tmp_path / "new" / "run.lock", list[str]()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(WeftError, match="still at work") as refused, alone(file, "run", told.append, patience=0.1):
            pass
        assert f"kill {first.pid}" in refused.value.fix

        def kill(text: str) -> None:
            told.append(text)
            first.kill()

        with alone(file, "run", kill):
            assert told == [f"Another run (process {first.pid}) is at work; waiting for it."] * 2


def test_a_run_after_another_does_not_wait(tmp_path: Path) -> None:
    told = list[str]()
    for _ in range(2):
        with alone(tmp_path / "run.lock", "run", told.append):
            pass
    assert told == []
