"""How long a plan takes beside the least that a comparison can cost: the bare join of two tables of keys and hashes.

A feed of so many rows on DuckDB, of which one in a hundred changed since it was applied. Measured are the bare full
outer join of two tables that hold key and hash, the same with the feed's hash made in the query, and whole plans as
`weft plan` makes them: rows stored and numbered, changed columns named, keys checked, counted, priced, sealed. Each
measurement runs in a process of its own, in turn, and the quickest of each counts.

    python -m benchmarks.plan --rows 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from benchmarks.engine import AS_OF, FEED, Null, sync
from reverse_etl.definitions import SyncDefinition
from reverse_etl.engine import plan_sync
from warehouse.base import Relation
from warehouse.duck import DuckWarehouse
from warehouse.sql import canonical

RESULTS = Path(__file__).parent / "results"
STEPS = (
    ("join", "bare full outer join of two tables (key, hash)"),
    ("hash", "the same, the feed's hash made in the query"),
    ("plan", "plan of a feed that is gated by nothing"),
    ("gated", "plan gated by everybody's consent and by suppressions"),
)
_JOIN = """
create or replace temp table differing as
select coalesce(feed.row_key, state.row_key) as row_key
from {feed} as feed full outer join shop.hashed_state as state on feed.row_key = state.row_key
where feed.row_hash is distinct from state.row_hash
"""
_APPLIED = """
insert into weft_engine.sync_state (sync_name, row_key, profile_id, row_hash, mapping_hash, payload, in_doubt)
select sync_name, row_key, profile_id, row_hash, mapping_hash, payload, false from weft_engine.sync_plan
"""


def world(path: str, rows: int) -> None:
    """Write a feed, have the engine plan it, take the plan as applied, and change one row in a hundred."""
    with duckdb.connect(path) as connection:
        connection.execute("create schema shop")
        connection.execute(_feed(rows, 1))
        connection.execute(
            "create table shop.profile_consents as "
            "select profile_id, 'email_marketing' as purpose, 'granted' as status from shop.feed"
        )
        connection.execute(
            "create table shop.suppressions as select 'email' as identifier_type, email as identifier_value "
            "from range(0, $rows, 1000) as numbers(i), lateral (select 'nobody' || i || '@example.com' as email)",
            {"rows": rows},
        )
    with _opened(path) as warehouse:
        plan_sync(warehouse, _sync(gated=False), Null, AS_OF)
        warehouse.execute(_APPLIED)
        warehouse.execute("delete from weft_engine.sync_plan")
        warehouse.execute("create table shop.hashed_state as select row_key, row_hash from weft_engine.sync_state")
        warehouse.execute(_feed(rows, 2))
        warehouse.execute(f"create table shop.hashed_feed as {_hashed(warehouse)}")
        warehouse.execute("checkpoint")


def measure(step: str, path: str) -> dict[str, Any]:
    """Do one step in this process and return what it took."""
    with _opened(path) as warehouse:
        begun = time.perf_counter()
        if step in ("join", "hash"):
            feed = "shop.hashed_feed" if step == "join" else f"({_hashed(warehouse)})"
            warehouse.execute(_JOIN.format(feed=feed))
            seconds = time.perf_counter() - begun
            [found] = warehouse.query("select count(*) as rows from differing")
            differing = int(found["rows"])
        else:
            plan = plan_sync(warehouse, _sync(gated=step == "gated"), Null, AS_OF)
            seconds = time.perf_counter() - begun
            differing = plan.change
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"step": step, "seconds": seconds, "peak_mb": round(peak), "differing": differing}


def _opened(path: str) -> DuckWarehouse:
    return DuckWarehouse(path, "weft", {"TimeZone": "UTC"})


def _sync(*, gated: bool) -> SyncDefinition:
    if gated:
        return sync()
    return sync().model_copy(update={"purpose": None, "consents": None, "suppressions": None})


def _feed(rows: int, version: int) -> str:
    return FEED.format(rows=rows, version=version).replace("i % 10 = 0", "i % 100 = 0")


def _hashed(warehouse: DuckWarehouse) -> str:
    relation = Relation("shop", "feed")
    row_hash = exp.alias_(exp.func("md5", canonical(warehouse.columns(relation), warehouse.dialect)), "row_hash")
    return warehouse.render(exp.select(exp.alias_(exp.column("email"), "row_key"), row_hash).from_(relation.table()))


def main() -> None:
    """Measure each step in a process of its own, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "world":
        world(options.path, options.rows)
        return
    if options.step:
        print(json.dumps(measure(options.step, options.path)))
        return
    taken = _all(options.rows, options.repeat)
    lines = [
        "| | seconds | times the bare join | times the join that hashes | rows that differ | peak memory, MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for step, title in STEPS:
        took = taken[step]
        ratios = " | ".join(f"{took['seconds'] / taken[other]['seconds']:.2f}" for other in ("join", "hash"))
        lines.append(f"| {title} | {took['seconds']:.2f} | {ratios} | {took['differing']:,} | {took['peak_mb']:,} |")
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = (
        "# The plan",
        "",
        f"`python -m benchmarks.plan --rows {options.rows} --repeat {options.repeat}` on {time.strftime('%Y-%m-%d')}, "
        f"{machine}, DuckDB {duckdb.__version__}.",
        f"A feed of {options.rows:,} rows and eight columns, one row in a hundred changed. Each in a process of its "
        "own, the quickest of its runs. The joins only note which keys differ; a plan is stored, ready to be sent.",
        "",
    )
    print("\n".join(lines))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "plan.md").write_text("\n".join((*head, *lines, "")), encoding="utf-8")


def _all(rows: int, repeat: int) -> dict[str, dict[str, Any]]:
    taken: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.duckdb")
        command = [sys.executable, "-m", "benchmarks.plan", "--path", path, "--rows", str(rows)]
        subprocess.run([*command, "--step", "world"], check=True)
        for _ in range(repeat):
            for step, _title in STEPS:
                done = subprocess.run([*command, "--step", step], check=True, capture_output=True, text=True)
                took = json.loads(done.stdout.splitlines()[-1])
                if step not in taken or took["seconds"] < taken[step]["seconds"]:
                    taken[step] = took
                if took["differing"] != rows // 100:
                    raise SystemExit(
                        f"{step} found {took['differing']:,} rows that differ; it compares something else."
                    )
                print(f"{step}: {took['seconds']:.2f} s, {took['peak_mb']:,} MiB", file=sys.stderr, flush=True)
    return taken


if __name__ == "__main__":
    main()
