"""Kills syncs hundreds of times, prints in which phases, and fails when anything was lost or sent twice.

python -m tests.faults --kills 240 --seed 7
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from tests.faults.child import Phase
from tests.faults.kill import LIVES, Tally, Wrong, live

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "kills.md"
PHASES = {
    Phase.START: "before its first row",
    Phase.PLAN: "plan",
    Phase.SEND: "send",
    Phase.COMMIT: "commit",
    Phase.SETTLE: "settle",
    Phase.END: "after its last commit",
}


def report(tallies: Mapping[str, Tally], seed: int, seconds: float) -> str:
    """Return what happened as Markdown."""
    kills = sum(tally.kills.total() for tally in tallies.values())
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    names = " | ".join(PHASES.values())
    lines = [
        "# Killed at any moment",
        "",
        f"`python -m tests.faults --kills {kills} --seed {seed}` on {time.strftime('%Y-%m-%d')}, {machine}, "
        f"DuckDB {duckdb.__version__}, {seconds:.0f} s.",
        "",
        f"{kills} times a process that was running a sync was ended with `kill -9`; the feed changed in between, and "
        "about every third process after a killed one was killed too.",
        "After every run that was let finish, the destination was right, no confirmed row had arrived twice in an "
        "append, and the ledger had a line of the right run for every row that ever arrived.",
        "",
        f"| sync | kills | {names} | with a window under way | runs let finish |",
        "|---|---:|" + "---:|" * (len(PHASES) + 2),
    ]
    for name, tally in tallies.items():
        counts = " | ".join(str(tally.kills[phase]) for phase in PHASES)
        under_way = tally.left["a window under way"]
        lines.append(f"| {name} | {tally.kills.total()} | {counts} | {under_way} | {tally.runs} |")
    totals = " | ".join(str(sum(tally.kills[phase] for tally in tallies.values())) for phase in PHASES)
    under_way = sum(tally.left["a window under way"] for tally in tallies.values())
    runs = sum(tally.runs for tally in tallies.values())
    lines += [f"| **all** | {kills} | {totals} | {under_way} | {runs} |", ""]
    once, again = tallies.get("append, not idempotent"), tallies.get("append")
    if again:
        lines.append(
            f"Append to a destination that takes a repeated call: {again.repeated} unconfirmed rows arrived again."
        )
    if once:
        lines.append(
            f"Append to one that does not: no row arrived twice; {once.doubtful} rows are named as in doubt, of which "
            f"{once.doubtful_arrived} had arrived."
        )
    return "\n".join([*lines, ""])


def main() -> int:
    """Live all lives, print what happened and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=240, help="how many in all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--sync", choices=list(LIVES), help="only this one")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = [options.sync] if options.sync else list(LIVES)
    begun = time.monotonic()
    tallies = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                tallies[name] = live(name, Path(folder), options.seed, -(-options.kills // len(names)))
            except Wrong as error:
                print(f"WRONG: {error}", file=sys.stderr)
                return 1
        print(
            f"{name}: {tallies[name].kills.total()} kills, {tallies[name].runs} runs let finish, all right", flush=True
        )
    text = report(tallies, options.seed, time.monotonic() - begun)
    print(text)
    if not options.sync:
        options.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
