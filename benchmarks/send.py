"""How fast a first run sends, and in how much memory, next to the loop that one would otherwise write.

A feed of so many rows and nine columns goes from DuckDB to a server in another process that accepts everything, through
the engine with its plan, consent, ledger and state, and its real HTTP client. Beside it, a plain loop: read the feed,
`requests.post` for every hundred rows, one UPDATE that marks them as synced. Each measurement runs in a process of its
own.

    python -m benchmarks.send --rows 10000 1000000 --loop-rows 10000
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import requests

from benchmarks.accept import running
from benchmarks.engine import AS_OF, RESULTS, Null, sync, world
from reverse_etl.account import account_file
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import Delivery, Limits, ObjectSpec
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.engine import run_sync
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult
from warehouse.duck import DuckWarehouse

BATCH = 10_000  #: rows of one of the engine's calls
LOOP_BATCH = 100  #: rows of one of the loop's calls
MEMORY = "512MB"  #: what DuckDB may keep in memory: it takes most of the machine's when nothing is said


class Accepting(HttpDestination, Null):
    """Posts batches as JSON to a server that accepts everything."""

    label = "Accepting"
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": replace(
            Null.objects["contact"],
            limits=dict.fromkeys(Op, Limits(rows=BATCH, bytes=20_000_000, calls_per_second=1_000, burst=100)),
            concurrency=2,
        )
    }

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return none."""
        return {}

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return what the row takes in the body."""
        return len(encode(row.payload)) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Post the rows."""
        body = {"op": op, "rows": [row.payload for row in rows]}
        limits = self.objects[delivery.object].limits[op]
        self.http.request("POST", "/rows", json=body, idempotent=True, pace=limits)
        return [RowResult(row.key, Outcome.APPLIED) for row in rows]


class Line:
    """A connection to the server, with a rate budget in a file as the engine's own connections have."""

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self) -> Accepting:
        """Return the destination."""
        budget = Budget(account_file("benchmark", self.url, {}))
        return Accepting(None, HttpClient(self.url, {}, budget=budget))


def engine(path: str, url: str, profile: str | None) -> dict[str, Any]:
    """Run the sync once and return what it took, the plan and the sending apart."""
    moments: dict[str, tuple[float, float]] = {}
    lines: Any = {"null": Line(url)}
    profiler = cProfile.Profile()
    settings = {"TimeZone": "UTC", "threads": 1, "memory_limit": MEMORY}
    with DuckWarehouse(path, "weft", settings) as warehouse:
        begun = time.perf_counter()

        def progress(phase: str, done: int, total: int) -> None:
            if phase == "plan" and done == total and profile:
                profiler.enable()
            moments[phase] = (time.perf_counter(), time.process_time())

        report = run_sync(warehouse, sync(), lines, AS_OF, progress=progress)
        profiler.disable()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").dump_stats(profile)
    (planned, plan_work), (sent, send_work) = moments["plan"], moments["send"]
    took = {"plan_seconds": planned - begun, "send_seconds": sent - planned, "processor_seconds": send_work - plan_work}
    return {"rows": report.applied, "calls": report.api_calls, **took}


def loop(path: str, url: str) -> dict[str, Any]:
    """Do what a script would: no plan, no consent, no ledger, one call at a time."""
    with duckdb.connect(path, config={"threads": 1, "memory_limit": MEMORY}) as connection:
        connection.execute(
            "create or replace table shop.synced as select *, null::timestamp as synced_at from shop.feed"
        )
        begun, work = time.perf_counter(), time.process_time()
        reader = connection.cursor()
        reader.execute("select * exclude (profile_id) from shop.feed")
        names = [column[0] for column in reader.description]
        rows = calls = 0
        while chunk := reader.fetchmany(LOOP_BATCH):
            body = [dict(zip(names, row, strict=True)) for row in chunk]
            data = json.dumps(body, default=str)
            requests.post(f"{url}/rows", data=data, headers={"Content-Type": "application/json"}, timeout=60)
            keys = [row[0] for row in chunk]
            connection.execute(
                "update shop.synced set synced_at = current_timestamp::timestamp where list_contains(?, email)", [keys]
            ).fetchall()
            rows, calls = rows + len(chunk), calls + 1
        took = {"send_seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - work}
        return {"rows": rows, "calls": calls, **took}


def measure(side: str, rows: int, profile: str | None = None) -> dict[str, Any]:
    """Measure one side in a process of its own, on a world of its own."""
    with tempfile.TemporaryDirectory() as folder, running() as url:
        path = str(Path(folder) / "bench.duckdb")
        world(path, rows)
        command = [sys.executable, "-m", "benchmarks.send", "--side", side, "--path", path, "--url", url]
        command += ["--profile", profile] if profile else []
        environment = {**os.environ, "WEFT_STATE_DIR": folder}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        taken: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return taken


def main() -> None:
    """Measure all sizes, print a table and write it to ``benchmarks/results/send.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--loop-rows", type=int, default=10_000, help="the largest size that the loop is run at")
    parser.add_argument("--profile", help="write cProfile's statistics of the largest size to this file")
    parser.add_argument("--side", choices=("engine", "loop"), help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        took = engine(options.path, options.url, options.profile) if options.side == "engine" else {}
        took = took or loop(options.path, options.url)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**took, "peak_mb": round(peak)}))
        return
    lines = [
        "| | rows | calls | plan, s | send, s | rows a second | send, processor s | peak memory, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    print("\n".join(lines))
    for rows in options.rows:
        for side in ("engine", "loop"):
            if side == "loop" and rows > options.loop_rows:
                continue
            profile = options.profile if side == "engine" and rows == max(options.rows) else None
            took = measure(side, rows, profile)
            speed = took["rows"] / took["send_seconds"]
            plan = f"{took['plan_seconds']:.2f}" if "plan_seconds" in took else "-"
            lines.append(
                f"| {'weft' if side == 'engine' else 'plain loop'} | {took['rows']:,} | {took['calls']:,} | {plan} | "
                f"{took['send_seconds']:.2f} | {speed:,.0f} | {took['processor_seconds']:.2f} | {took['peak_mb']:,} |"
            )
            print(lines[-1], flush=True)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = (
        "# Sending",
        "",
        f"`python -m benchmarks.send --rows {' '.join(map(str, options.rows))} --loop-rows {options.loop_rows}` on "
        f"{time.strftime('%Y-%m-%d')}, {machine}, DuckDB {duckdb.__version__} with one thread "
        f"and {MEMORY} of memory.",
        f"A first run: every row is new. The server accepts everything; weft calls it with {BATCH:,} rows at a time, "
        f"the plain loop with {LOOP_BATCH}. What weft does beside sending: consent and suppressions, a plan, a ledger "
        "line and a state row for every row.",
        "",
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "send.md").write_text("\n".join((*head, *lines, "")), encoding="utf-8")


if __name__ == "__main__":
    main()
