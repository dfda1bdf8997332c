"""The identity benchmarks run from end to end on a graph of a few people, and what they say of it is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def bench(*arguments: object) -> None:
    command = [sys.executable, "-W", "ignore", "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr


def test_every_step_and_every_competitor_is_measured_and_agrees(tmp_path: Path) -> None:
    bench(
        "benchmarks.identity.run", "--edges", 300, "--repeats", 1, "--steps", "+10 %",
        "--within", tmp_path, "--results", tmp_path,
    )  # fmt: skip

    [size] = json.loads((tmp_path / "identity.json").read_text())["sizes"].values()
    steps = size["steps"]
    assert list(steps) == ["full", "+10 %"]
    assert steps["full"]["edges"] > steps["full"]["active"] > 200  # the till links nobody
    assert steps["+10 %"]["nodes"] > steps["full"]["nodes"]
    assert steps["full"]["rounds"]["identity_moves"][0] > 0
    assert all(step["stitching"] > 0 and step["peak_mib"] > 50 for step in steps.values())
    assert {how: took["differ"] for how, took in size["competitors"].items()} == dict.fromkeys(size["competitors"], 0)
    assert len(size["competitors"]) == 6
    assert "300 edges" in (tmp_path / "identity.md").read_text()
