"""The same contacts to the same simulated HubSpot account, by weft and by an open-source peer.

The account answers 100 calls in 10 seconds, as HubSpot's smallest plan does, and refuses what comes faster with 429. A
first run sends every contact, a second one follows after 1 % of them changed. What arrived is read from the account.
The peer is installed into a virtual environment of its own, from the package index that this machine is set up for.

    python -m benchmarks.peer --rows 10000
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.peer.sides import Drt, NotInstalled, Side, Took, Weft
from benchmarks.peer.simulator import CALLS, SECONDS, Account, account

RESULTS = Path(__file__).resolve().parents[1] / "results" / "peer.md"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one side.

    Attributes:
        took: Time and memory.
        calls: Calls that reached the account.
        throttled: Those of them that it refused for their pace.
        right: Contacts that the account holds exactly as the feed has them.
        rows: Contacts of the feed.
    """

    took: Took
    calls: int
    throttled: int
    right: int
    rows: int


def measure(side: Side, rows: int) -> list[Measured]:
    """Let one side send everything, then what changed, to an account of its own."""
    runs = []
    with account() as there:
        for changed in (0, 1):
            side.load(rows, changed)
            # Both begin with a fresh window of the account's limit.
            time.sleep(SECONDS - time.time() % SECONDS)
            calls, throttled = there.calls()
            took = side.run(there)
            calls_now, throttled_now = there.calls()
            runs.append(Measured(took, calls_now - calls, throttled_now - throttled, right(side, there), rows))
            print(f"{side.label}: {runs[-1]}", flush=True)
    return runs


def right(side: Side, there: Account) -> int:
    """Return how many contacts the account holds exactly as the feed has them."""
    held = there.holds()
    wanted = side.expected()
    return sum(
        all(held.get(email, {}).get(column) == value for column, value in row.items()) for email, row in wanted.items()
    )


def report(rows: int, weft: Sequence[Measured], peer: Sequence[Measured], label: str) -> str:
    """Return the results as Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# The same HubSpot sync, by weft and by a peer",
        "",
        f"`python -m benchmarks.peer --rows {rows}` on {time.strftime('%Y-%m-%d')}, {machine}, "
        f"DuckDB {duckdb.__version__}.",
        "",
        f"{rows:,} contacts from DuckDB to one simulated account that answers {CALLS} calls in {SECONDS} seconds and "
        "refuses what comes faster;",
        "then again after 1 % of them changed. Seconds are wall time with the start of each process; "
        "what arrived was read from the account.",
        "The peer is set up as its own template for HubSpot is, and in `mode: incremental` with a cursor, so that it "
        "too sends only what changed.",
        "",
        "| run | side | seconds | calls | of them refused (429) | contacts as in the feed | peak memory, MiB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for title, *pair in zip(("everything", "1 % changed"), weft, peer, strict=True):
        for name, run in zip(("weft", label), pair, strict=True):
            lines.append(
                f"| {title} | {name} | {run.took.seconds:.1f} | {run.calls:,} | {run.throttled:,} "
                f"| {run.right:,} of {run.rows:,} | {run.took.peak_mib:,.0f} |"
            )
    ratios = [theirs.took.seconds / ours.took.seconds for ours, theirs in zip(weft, peer, strict=True)]
    lines += [
        "",
        f"weft was {ratios[0]:.3g} times as fast for everything and {ratios[1]:.3g} times for the changes.",
        "It also planned both runs in the warehouse and committed every row's result to a ledger there.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure both sides, print the report and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            peer = Drt(Path(folder) / "drt")
        except NotInstalled:
            # uv's own words may name the index, and how to get in there
            print("Skipped: the peer cannot be installed here.\n  fix:   give uv a package index that has it")
            return
        ours = measure(Weft(Path(folder) / "weft"), options.rows)
        theirs = measure(peer, options.rows)
    text = report(options.rows, ours, theirs, peer.label)
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
