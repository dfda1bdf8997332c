"""The plan: what a run would do, stored row by row in ``sync_plan``, counted, priced and held against the guards."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.compare import NONE, UNCHANGED, Comparison
from reverse_etl.coverage import measured
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode, ObjectSpec
from reverse_etl.errors import ConfigError
from reverse_etl.evidence import judged
from reverse_etl.feed import Feed, count_rows
from reverse_etl.merges import merges_of
from reverse_etl.pricing import Load, price
from reverse_etl.report import Plan
from reverse_etl.rows import Op
from reverse_etl.seal import digest
from warehouse.base import Warehouse

_COUNTS = """
select op, reason, count(*) as count_rows, count(case when by_mapping then 1 end) as count_by_mapping,
    coalesce(sum(length(payload)), 0) as characters
from sync_plan where run_id = $run_id group by op, reason
"""
_CHANGED = """
select changed_columns, count(*) as count_rows from sync_plan
where run_id = $run_id and op = 'change' group by changed_columns
"""
_APPLIED = """
select count(*) as count_rows from sync_state where sync_name = $sync and (row_hash is not null or in_doubt)
"""
_FORGET = """
delete from sync_plan
where sync_name = $sync and run_id <> $run_id and run_id not in (
    select job_run_id from sync_state where sync_name = $sync and job_run_id is not null
)
"""
_FORGET_PREVIEWS = """
delete from sync_plan
where sync_name = $sync and run_id <> $run_id
    and run_id in (select run_id from sync_runs where sync_name = $sync and status = 'planned')
"""
# Else every plan would look at these rows again.
_REHASH = """
update sync_state set row_hash = plan.row_hash, profile_id = plan.profile_id
from sync_plan as plan
where sync_state.sync_name = $sync and plan.run_id = $run_id and plan.reason = $reason
    and plan.row_key = sync_state.row_key
"""
_FORGET_UNCHANGED = "delete from sync_plan where run_id = $run_id and reason = $reason"


def make(
    warehouse: Warehouse,
    sync: SyncDefinition,
    spec: ObjectSpec,
    feed: Feed,
    run_id: str,
    as_of: datetime,
    *,
    preview: bool = False,
    resync: bool = False,
) -> Plan:
    """Store the plan of a run in ``sync_plan`` and return its counts.

    The plans of earlier runs are dropped, except where rows of theirs are in a job that is still open.

    Args:
        warehouse: Where everything is.
        sync: What to plan.
        spec: What the destination's object can do.
        feed: The inspected feed.
        run_id: The run that the plan belongs to.
        as_of: The run's moment.
        preview: Whether the plan is only looked at, so that only previews before it are dropped.
        resync: Whether every row is sent again, and, in a mirror, everything removed that was ever sent and should not
            be there.

    Raises:
        ConfigError: A resync was asked of a sync that only appends.
        FeedError: A key of the feed is null or repeated. Nothing is stored.
    """
    if resync and sync.mode is Mode.APPEND:
        raise ConfigError(
            f"{sync.name} appends, so it cannot be sent again: every row would be there twice.",
            where=f"{sync.where}, field config.meta.sync.mode",
            fix="run it without --resync; `weft retry` sends again what was refused",
        )
    with warehouse.transaction():
        into = tables.relations(warehouse)["sync_plan"].table()
        columns = [exp.to_identifier(column) for column in tables.TABLES["sync_plan"]]
        rows = query(warehouse, sync, spec, feed, run_id, resync=resync)
        warehouse.execute(exp.insert(rows, into, columns=columns))
        feed_rows = count_rows(warehouse, sync, feed, run_id)
        # From here on other syncs' plans have to wait on Snowflake, so what takes long comes before.
        tables.run(warehouse, _FORGET_PREVIEWS if preview else _FORGET, sync=sync.name, run_id=run_id)
        if not preview:
            tables.run(warehouse, _REHASH, sync=sync.name, run_id=run_id, reason=UNCHANGED)
        tables.run(warehouse, _FORGET_UNCHANGED, run_id=run_id, reason=UNCHANGED)
    return _counted(warehouse, sync, spec, feed, run_id, as_of, feed_rows=feed_rows, resync=resync)


def query(
    warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, feed: Feed, run_id: str, *, resync: bool = False
) -> exp.Select:
    """Return the plan's query: one row for each row to send, and for each that is kept back."""
    merges = merges_of(warehouse, sync, spec)
    return Comparison(warehouse, sync, spec, feed, run_id, resync, merges).query()


def changed_columns(warehouse: Warehouse, run_id: str) -> dict[str, int]:
    """Return how many rows a stored plan changes in each column, the most often changed first."""
    counts: Counter[str] = Counter()
    for row in tables.ask(warehouse, _CHANGED, run_id=run_id):
        for column in str(row["changed_columns"] or "").split(","):
            if column:
                counts[column] += int(row["count_rows"])
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _counted(
    warehouse: Warehouse,
    sync: SyncDefinition,
    spec: ObjectSpec,
    feed: Feed,
    run_id: str,
    as_of: datetime,
    *,
    feed_rows: int,
    resync: bool,
) -> Plan:
    ops: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    blocked: Counter[str] = Counter()
    by_mapping = 0
    for row in tables.ask(warehouse, _COUNTS, run_id=run_id):
        op, reason, rows = row["op"], row["reason"], int(row["count_rows"])
        by_mapping += int(row["count_by_mapping"])
        if op != NONE:
            ops[op] += rows
            characters[op] += int(row["characters"])
        if op == Op.REMOVE:
            removed[reason] += rows
        if op == NONE or (op == Op.REMOVE and reason in ("consent", "suppression")):
            blocked[reason] += rows
    [applied] = tables.ask(warehouse, _APPLIED, sync=sync.name)
    loads = {op: Load(ops[op], characters[op]) for op in Op}
    cost = price(warehouse, sync, spec, feed, run_id, loads)
    counts: dict[str, Any] = {
        "run_id": run_id,
        "sync": sync.name,
        "as_of": as_of,
        **{str(op): ops[op] for op in Op},
        "changed_by_mapping": by_mapping,
        "removed_because": dict(sorted(removed.items())),
        "blocked": dict(sorted(blocked.items())),
        "feed_rows": feed_rows,
        "applied_rows": int(applied["count_rows"]),
        "api_calls": cost.api_calls,
        "minutes": cost.minutes,
        "billed_units": cost.billed_units,
        "coverage": measured(warehouse, spec, feed, run_id),
        "resync": resync,
        "digest": digest(warehouse, run_id),
    }
    return judged(warehouse, sync, spec, Plan(**counts))
