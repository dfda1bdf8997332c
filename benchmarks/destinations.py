"""Send rows to each simulated vendor at its documented limits, through the engine, beside what arithmetic allows.

The simulators run in a process of their own, in memory, with the vendors' own rate limits. The feed is in a DuckDB
file; a first run sends it all. Timed is the run from its start until the last row is settled: plan, sending, jobs and
ledger. The ceiling is rows of a call (as many as its bytes hold) times calls a second, as declared for new rows; what
may be called at once before pacing begins (the burst) comes on top; enough rows are sent that it hardly counts.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import requests

from conformance.case import Case, Stage
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.engine import run_sync
from reverse_etl.guards import Guards
from reverse_etl.report import Status
from reverse_etl.rows import Op, Row
from warehouse.base import Relation
from warehouse.duck import DuckWarehouse

from .engine import AS_OF, RESULTS

SECONDS = 15.0  #: how long the vendor's limits keep a run going
MOST = 200_000  #: rows, where the limits allow more
AIM = 20_000  #: rows a second; where the ceiling is lower, nine tenths of it


class Served:
    """The sandbox in another process, as far as a case needs to know of it."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self._environment = environment

    def environment(self) -> dict[str, str]:
        """Return the variables that point a connections.yml at it."""
        return self._environment


def cases() -> dict[str, Case]:
    """Return every destination's cases by their names."""
    found: dict[str, Case] = {}
    for name in sorted(registry.BUILT_IN):
        module = importlib.import_module(f"tests.destinations.{name}.case")
        for case in module.CASES:  # some objects can be filled by one key or another
            found[str(case) if str(case) not in found else f"{case} by {next(iter(case.row(0)))}"] = case
    return found


def rows_for(destination: type[Destination], case: Case) -> int:
    """Return how many rows keep the limits busy for the time of the measurement."""
    limits = destination.objects[case.object].limits[Op.ADD]
    wanted = limits.rows * (limits.calls_per_second * SECONDS + limits.burst)
    return int(min(max(wanted, 50), MOST))


def ceiling(case: Case, destination: Destination, delivery: Delivery) -> float:
    """Return the rows a second that the limits of rows, bytes and calls allow for rows of the case's size."""
    limits = destination.objects[case.object].limits[Op.ADD]
    rows = [Row(str(next(iter(values.values()))), Op.ADD, values) for values in map(case.row, range(100))]
    size = sum(destination.size(delivery, row) for row in rows) / len(rows)
    return min(limits.rows, limits.bytes / max(size, 1)) * limits.calls_per_second


def world(path: str, case: Case, rows: int) -> None:
    """Write a feed of so many of the case's rows, with everybody's consent."""
    made = [case.row(number) for number in range(rows)]
    feed = pa.table(
        {"profile_id": [f"p{number}" for number in range(rows)]}
        | {column: [row[column] for row in made] for column in made[0]}
    )
    with duckdb.connect(path) as connection:
        connection.execute("create schema shop")
        connection.register("made", feed)
        connection.execute("create table shop.feed as select * from made")
        connection.execute(
            "create table shop.profile_consents as "
            "select profile_id, 'email_marketing' as purpose, 'granted' as status from shop.feed"
        )
        connection.execute("create table shop.suppressions (identifier_type varchar, identifier_value varchar)")


class Line:
    """A connection to one account of it."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def open(self) -> Destination:
        """Return the destination."""
        return self._destination


def measure(name: str, path: str, url: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run one case's sync in this process, twice, and return what it took."""
    case = cases()[name]
    destination = registry.get(case.destination)
    key = next(iter(case.row(0)))
    sync = SyncDefinition(
        name="bench",
        label="Benchmark",
        feed=Relation("shop", "feed"),
        connection=case.destination,
        destination=case.destination,
        object=case.object,
        target=case.target,
        mode=case.mode,
        key=key,
        purpose="email_marketing",
        guards=Guards(),
        settle_seconds=600,
        consents=Relation("shop", "profile_consents"),
        suppressions=Relation("shop", "suppressions"),
    )
    stage = Stage(cast("Any", Served(url, environment)), Path(path).parent)
    lines: Any = {case.destination: Line(destination.connect(case.settings(stage)))}
    with DuckWarehouse(path, "weft", {"TimeZone": "UTC"}) as warehouse:
        begun = time.perf_counter()
        report = run_sync(warehouse, sync, lines, AS_OF)
        seconds = time.perf_counter() - begun
        again = run_sync(warehouse, sync, lines, AS_OF)
    if report.status is not Status.DONE or again.sent:
        return {"case": name, "applied": report.applied, "sent": report.sent}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "case": name,
        "rows": report.applied,
        "calls": report.api_calls,
        "seconds": round(seconds, 2),
        "rows_per_second": round(report.applied / seconds, 1),
        "ceiling": round(ceiling(case, lines[case.destination].open(), sync.delivery), 1),
        "peak_mb": round(peak),
    }


@contextmanager
def sandbox() -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the simulators with the vendors' own limits.

    Yields:
        Its address, and the variables that point a connections.yml at it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--state", ":memory:"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                requests.get(f"{url}/health", timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url, requests.get(f"{url}/environment", timeout=5).json()
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    """Measure each case in a process of its own, print the measurements and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="destinations or destination.object; all when left out")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(**json.loads(options.measure))))
        return
    lines = [
        "| object | rows | calls | seconds | rows a second | ceiling | of it | aim met | peak memory, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    print("\n".join(lines))
    for name, case in cases().items():
        if options.names and not {name, case.destination} & set(options.names):
            continue
        with tempfile.TemporaryDirectory() as folder, sandbox() as (url, environment):
            path = str(Path(folder) / "bench.duckdb")
            world(path, case, rows_for(registry.get(case.destination), case))
            given = {"name": name, "path": path, "url": url, "environment": environment}
            command = [sys.executable, "-m", "benchmarks.destinations", "--measure", json.dumps(given)]
            state = {"WEFT_STATE_DIR": folder}  # no budget or breaker of an earlier run
            done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **state})
        took = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        if "seconds" not in took:
            # Members of a list have to be records there first, and some cases put them there from within.
            last = done.stderr.splitlines()[-1] if done.stderr else f"{took['applied']:,} of {took['sent']:,} applied"
            lines.append(f"| `{name}` | | | | not measured: {last.split(':')[0]} | | | | |")
            print(lines[-1], flush=True)
            continue
        share = took["rows_per_second"] / took["ceiling"]
        met = took["rows_per_second"] >= min(AIM, 0.9 * took["ceiling"])
        lines.append(
            f"| `{name}` | {took['rows']:,} | {took['calls']:,} | {took['seconds']} | {took['rows_per_second']:,.0f} "
            f"| {took['ceiling']:,.0f} | {share:.0%} | {'yes' if met else 'no'} | {took['peak_mb']:,} |"
        )
        print(lines[-1], flush=True)
    if options.names:
        return
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = (
        "# Every destination against its simulator",
        "",
        f"`python -m benchmarks.destinations` on {time.strftime('%Y-%m-%d')}, {machine}, DuckDB {duckdb.__version__}.",
        "",
        *(__doc__ or "").split("\n\n", 1)[1].strip().splitlines(),
        f"The aim is nine tenths of the ceiling, or {AIM:,} rows a second where that is less.",
        "",
    )
    (RESULTS / "destinations.md").write_text("\n".join((*head, *lines, "")), encoding="utf-8")


if __name__ == "__main__":
    main()
