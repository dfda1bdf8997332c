"""Retention: what the ledger no longer has to tell goes, at the end of a run, at most once a day for each sync.

A line stays, however old, while it is the last word on a row that the destination may hold: a resync has to know of it.
Of a row whose removal was confirmed nothing stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from warehouse.base import Warehouse

# The first run of a day that ends well does it; looking that up reads a table of one row per run.
_DONE_TODAY = """
select run_id from sync_runs
where sync_name = $sync and run_id <> $run_id and status in ('done', 'open') and ended_at >= cast($day as timestamp)
limit 1
"""
_OLDER_THAN_THE_LAST_WORD = """
delete from sync_ledger using (
    select row_key, max(recorded_at) as spoken_at from sync_ledger
    where sync_name = $sync and outcome in ('applied', 'accepted', 'ambiguous')
    group by row_key
    having min(recorded_at) < cast($before as timestamp)
) as last_word
where sync_ledger.sync_name = $sync and sync_ledger.recorded_at < cast($before as timestamp)
    and sync_ledger.outcome in ('applied', 'accepted', 'ambiguous')
    and sync_ledger.row_key = last_word.row_key and sync_ledger.recorded_at < last_word.spoken_at
"""
_WITHOUT_EFFECT = """
delete from sync_ledger
where sync_name = $sync and recorded_at < cast($before as timestamp)
    and (outcome not in ('applied', 'accepted', 'ambiguous') or outcome = 'applied' and op in ('remove', 'merge'))
"""
_RUNS = """
delete from sync_runs
where sync_name = $sync and run_id <> $run_id and status <> 'sending'
    and coalesce(ended_at, started_at) < cast($before as timestamp)
    and run_id not in (select distinct run_id from sync_ledger where sync_name = $sync and run_id is not null)
    and run_id not in (
        select distinct job_run_id from sync_state where sync_name = $sync and job_run_id is not null
    )
"""
# Every line of the ledger is of a run that is still written down, and of those there are few: where no run is old, no
# line is, and the ledger need not be read.
_OLD_RUNS = """
select run_id from sync_runs
where sync_name = $sync and coalesce(started_at, ended_at) < cast($before as timestamp) limit 1
"""

# What an adoption that was killed had read: people, and of no use any more.
_LEFT_BEHIND = "delete from sync_members where sync_name = $sync"


@dataclass(frozen=True, slots=True)
class Dropped:
    """How much went.

    Attributes:
        lines: Lines of the ledger.
        runs: Runs without a line in it.
    """

    lines: int = 0
    runs: int = 0


def is_due(warehouse: Warehouse, sync: SyncDefinition, run_id: str, now: datetime) -> bool:
    """Tell whether no other run of the sync has ended well on this day, by UTC."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return not tables.ask(warehouse, _DONE_TODAY, sync=sync.name, run_id=run_id, day=day.isoformat())


def prune(warehouse: Warehouse, sync: SyncDefinition, run_id: str, now: datetime) -> Dropped:
    """Drop what is older than ``retention.ledger`` of the sync, if that is due, and return how much it was.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        run_id: The run at whose end this is done; it holds the sync's lease.
        now: The moment.
    """
    if not is_due(warehouse, sync, run_id, now):
        return Dropped()
    return drop(warehouse, sync.name, run_id, now, sync.retention.ledger)


def drop(warehouse: Warehouse, sync: str, run_id: str, now: datetime, keep: timedelta) -> Dropped:
    """Drop what is older than ``keep``, all or nothing; see :func:`prune`."""
    values = {"sync": sync, "before": (now - keep).isoformat()}
    if not tables.ask(warehouse, _OLD_RUNS, **values):
        tables.run(warehouse, _LEFT_BEHIND, sync=sync)
        return Dropped()
    with warehouse.transaction():
        # In this order: a confirmed removal may go only after the addition that it took back.
        lines = tables.run(warehouse, _OLDER_THAN_THE_LAST_WORD, **values)
        lines += tables.run(warehouse, _WITHOUT_EFFECT, **values)
        tables.run(warehouse, _LEFT_BEHIND, sync=sync)
        runs = tables.run(warehouse, _RUNS, run_id=run_id, **values)
    return Dropped(lines, runs)
