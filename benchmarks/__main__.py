"""Runs every benchmark at a size that a small machine finishes in about half an hour."""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    ("the demo's generator", ("benchmarks.demo_generator", "10_000", "100_000")),
    ("identity stitching", ("benchmarks.identity.run", "--edges", "1000000")),
    ("identity on hard shapes", ("benchmarks.identity.run", "--shapes", "1000000")),
    ("identity against the truth", ("benchmarks.identity.truth", "--people", "10000")),
    ("what identity sends to Snowflake", ("benchmarks.identity.statements", "--nodes", "1000")),
    ("profiles bit by bit", ("benchmarks.profiles", "--people", "100000", "--events", "5000000")),
    ("the plan", ("benchmarks.plan", "--rows", "1000000")),
    ("the sync engine", ("benchmarks.engine", "--rows", "1000000")),
    ("sending", ("benchmarks.send", "--rows", "10000", "1000000")),
    ("every destination against its simulator", ("benchmarks.destinations",)),
    ("a peer", ("benchmarks.peer", "--rows", "2000")),
)

for title, arguments in RUNS:
    print(f"==> {title}: python -m {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", *arguments], check=True)
