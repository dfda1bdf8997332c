"""How fast the engine plans and sends, and in how much memory.

A feed of so many rows on DuckDB, of which one in ten changed since it was applied, is planned and sent to a
destination that takes everything at once. Beside it, the same comparison done the way most scripts do it: read the feed
and the state into dictionaries, compare. Each measurement runs in a process of its own.

    python -m benchmarks.engine --rows 1000000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Delivery, Destination, Family, Limits, Mode, ObjectSpec, Page, Settings, Tally
from reverse_etl.engine import plan_sync, run_sync
from reverse_etl.guards import Guards
from reverse_etl.rows import Op, Outcome, Row, RowResult
from warehouse.base import Relation
from warehouse.duck import DuckWarehouse

STEPS = (
    ("run", "first run: plan and send"),
    ("change", ""),
    ("plan", "plan, 10% changed"),
    ("naive", "the same in dictionaries"),
    ("run", "run, 10% changed"),
    ("run", "run, unchanged"),
)
AS_OF = datetime.fromisoformat("2026-07-01")  # UTC without a zone, as the warehouse keeps it
FEED = """
create or replace table shop.feed as
select
    md5(i::varchar) as profile_id,
    'person' || i || '@example.com' as email,
    '+49151' || lpad(i::varchar, 8, '0') as phone,
    'Name ' || (i % 5000) as first_name,
    'Family ' || (i % 70000) as last_name,
    'Town ' || (i % 900) as city,
    (i % 100000 / 100.0)::decimal(12, 2) as lifetime_value,
    case when i % 10 = 0 then {version} else 0 end as lifetime_orders,
    timestamp '2026-01-01' + to_seconds(i % 9000000) as last_order_at
from range({rows}) as numbers(i)
"""


RESULTS = Path(__file__).parent / "results"


class Null(Destination):
    """Takes everything at once, in batches of a thousand."""

    name = "null"
    label = "Null"
    api_version = "1"
    api_version_ends: ClassVar[date | None] = None
    family = Family.ANYTHING
    documentation: ClassVar[Sequence[Page]] = ()
    settings_class = Settings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": ObjectSpec(
            modes=frozenset(Mode),
            keys=frozenset({"email"}),
            columns=frozenset({"email", "phone"}),
            identifiers={"email": "email", "phone": "phone"},
            limits=dict.fromkeys(Op, Limits(rows=1000, bytes=5_000_000, calls_per_second=100)),
        )
    }

    def check(self, delivery: Delivery) -> None:
        """Accept any."""

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return about what JSON takes."""
        return 250

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Apply everything."""
        self.traffic.calls += 1
        return [RowResult(row.key, Outcome.APPLIED) for row in rows]


class Line:
    """A connection to it."""

    def open(self) -> Null:
        """Return the destination."""
        return Null(None, Tally())


def sync() -> SyncDefinition:
    """Return the sync that is measured: mirror, gated by consent and suppressions."""
    return SyncDefinition(
        name="bench",
        label="Benchmark",
        feed=Relation("shop", "feed"),
        connection="null",
        destination="null",
        object="contact",
        mode=Mode.MIRROR,
        key="email",
        purpose="email_marketing",
        guards=Guards(),
        consents=Relation("shop", "profile_consents"),
        suppressions=Relation("shop", "suppressions"),
    )


def world(path: str, rows: int) -> None:
    """Write the feed, everybody's consent, one in a thousand suppressed; apply it; then change one row in ten."""
    with duckdb.connect(path) as connection:
        connection.execute("create schema shop")
        connection.execute(FEED.format(rows=rows, version=1))
        connection.execute(
            "create table shop.profile_consents as "
            "select profile_id, 'email_marketing' as purpose, 'granted' as status from shop.feed"
        )
        connection.execute(
            "create table shop.suppressions as select 'email' as identifier_type, email as identifier_value "
            "from shop.feed where hash(email) % 1000 = 0"
        )


def change(path: str, rows: int) -> None:
    """Change one row in ten."""
    with duckdb.connect(path) as connection:
        connection.execute(FEED.format(rows=rows, version=2))


def measure(step: str, path: str) -> dict[str, Any]:
    """Do one step in this process and return what it took."""
    begun = time.perf_counter()
    lines: Any = {"null": Line()}
    if step == "naive":
        counts = naive(path)
    else:
        with DuckWarehouse(path, "weft", {"TimeZone": "UTC"}) as warehouse:
            if step == "plan":
                plan = plan_sync(warehouse, sync(), Null, AS_OF)
                counts = {"rows": plan.feed_rows, "add": plan.add, "change": plan.change}
            else:
                report = run_sync(warehouse, sync(), lines, AS_OF)
                counts = {"rows": report.sent, "applied": report.applied, "calls": report.api_calls}
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"step": step, "seconds": round(seconds, 2), "peak_mb": round(peak), **counts}


def naive(path: str) -> dict[str, int]:
    """Compare in Python what a script would: both sides in dictionaries. It keeps no ledger, no plan and no consent."""
    with duckdb.connect(path, read_only=True) as connection:
        cursor = connection.execute("select * exclude (profile_id) from shop.feed")
        names = [column[0] for column in cursor.description]
        feed = {}
        for row in cursor.fetchall():
            payload = json.dumps(dict(zip(names, row, strict=True)), default=str, sort_keys=True)
            feed[row[0]] = (payload, hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest())
        state = dict(connection.execute("select row_key, row_hash from weft_engine.sync_state").fetchall())
    changed = sum(1 for key, (_, digest) in feed.items() if state.get(key) != digest)
    return {"rows": len(feed), "different": changed, "removed": len(state.keys() - feed.keys())}


def main() -> None:
    """Measure each step in a process of its own, print the measurements and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measure(options.step, options.path)))
        return
    lines = ["| step | rows | seconds | rows a second | peak memory, MiB |", "|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.duckdb")
        world(path, options.rows)
        print("\n".join(lines))
        for step, title in STEPS:
            if step == "change":
                change(path, options.rows)
                continue
            command = [sys.executable, "-m", "benchmarks.engine", "--step", step, "--path", path]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            took = json.loads(done.stdout.splitlines()[-1])
            rows = took["rows"] or options.rows
            speed = rows / took["seconds"]
            lines.append(f"| {title} | {rows:,} | {took['seconds']} | {speed:,.0f} | {took['peak_mb']:,} |")
            print(lines[-1], flush=True)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = (
        "# The sync engine",
        "",
        f"`python -m benchmarks.engine --rows {options.rows}` on {time.strftime('%Y-%m-%d')}, {machine}, "
        f"DuckDB {duckdb.__version__}.",
        "The destination takes everything at once, in calls of a thousand rows; what is timed is the engine alone.",
        "",
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "engine.md").write_text("\n".join((*head, *lines, "")), encoding="utf-8")


if __name__ == "__main__":
    main()
