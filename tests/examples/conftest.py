"""The folder with the public files, and one run of an example."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]
Public = Callable[[str], Path]


@pytest.fixture(scope="session")
def public() -> Public:
    """Return the folder of a public data set, or skip the test."""
    folder = Path(os.environ.get("WEFT_PUBLIC_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (folder / name).is_dir():
            pytest.skip(f"the public files of {name} are not here: set WEFT_PUBLIC_DATA to the folder that holds them")
        return folder / name

    return find


@pytest.fixture(scope="session")
def run() -> Run:
    """Run an example as a user does."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "examples.run", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)

    return run


@pytest.fixture(scope="session")
def figures(run: Run) -> Callable[..., dict[str, Any]]:
    """Run an example and return what it measured."""

    def measure(*arguments: object) -> dict[str, Any]:
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return measure
