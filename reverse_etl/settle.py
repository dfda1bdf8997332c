"""Settle: asynchronous jobs are asked after until each row has its final result, in this run or in the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reverse_etl import tables
from reverse_etl.clock import Clock
from reverse_etl.commit import Sent, record
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.rows import Op, Outcome, RowResult
from reverse_etl.send import Planned, planned_row
from warehouse.base import Warehouse

FIRST_WAIT = 0.5  #: seconds
LONGEST_WAIT = 15.0  #: seconds

_OPEN = """
select job_id, job_run_id, count(*) as count_rows from sync_state
where sync_name = $sync and job_id is not null group by job_id, job_run_id order by job_run_id, job_id
"""
_ROWS = """
select
    plan.op, plan.seq, plan.row_key, plan.payload, plan.changed_columns, plan.destination_id, plan.into_key,
    plan.into_id, plan.row_hash
from sync_state as state
inner join sync_plan as plan on plan.run_id = state.job_run_id and plan.row_key = state.row_key
where state.sync_name = $sync and state.job_id = $job and state.job_run_id = $plan_run
order by plan.row_key
"""


@dataclass(frozen=True, slots=True)
class Job:
    """An asynchronous job that is still open.

    Attributes:
        job_id: The vendor's id.
        run_id: The run that sent it.
        rows: How many rows it holds.
    """

    job_id: str
    run_id: str
    rows: int


def open_jobs(warehouse: Warehouse, sync: str) -> list[Job]:
    """Return the jobs of a sync that are still open."""
    found = tables.ask(warehouse, _OPEN, sync=sync)
    return [Job(str(row["job_id"]), str(row["job_run_id"]), int(str(row["count_rows"]))) for row in found]


def settle(
    warehouse: Warehouse,
    sync: SyncDefinition,
    destination: Destination,
    run_id: str,
    clock: Clock,
    batches: Iterator[int],
    progress: Callable[[int, int], None],
) -> tuple[Counter[Outcome], list[Job]]:
    """Ask after the open jobs of a sync until they are done or ``settle_seconds`` have passed.

    Returns:
        What became of the rows of the jobs that were done, by outcome, and the jobs that are still open.

    Raises:
        DestinationRefused: The account refused.
        DestinationDown: It could not be reached. Jobs that were done until then are committed.
    """
    waiting = open_jobs(warehouse, sync.name)
    total = sum(job.rows for job in waiting)
    outcomes: Counter[Outcome] = Counter()
    deadline = clock.elapsed() + sync.settle_seconds
    wait = FIRST_WAIT
    while waiting:
        still_open = []
        for job in waiting:
            sent = _ask(warehouse, sync, destination, job)
            if sent is None:
                still_open.append(job)
                continue
            record(warehouse, sync.name, run_id, next(batches), sent, clock.now(), plan_run=job.run_id)
            outcomes.update(item.result.outcome for item in sent)
            progress(sum(outcomes.values()), total)
        waiting = still_open
        if not waiting or clock.elapsed() + wait > deadline:
            break
        clock.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)
    return outcomes, waiting


def _ask(warehouse: Warehouse, sync: SyncDefinition, destination: Destination, job: Job) -> list[Sent] | None:
    planned: list[Planned] = [
        planned_row(Op(str(row["op"])), row)
        for row in tables.ask(warehouse, _ROWS, sync=sync.name, job=job.job_id, plan_run=job.run_id)
    ]
    results = destination.settle(sync.delivery, job.job_id, [item.row for item in planned])
    if results is None:
        return None
    answered = {result.key: result for result in results}
    return [Sent(item.row.op, item.row_hash, _final(item.row.key, answered.get(item.row.key))) for item in planned]


def _final(key: str, result: RowResult | None) -> RowResult:
    """Return a row's result, which after a job is done can no longer be open."""
    if result is None or result.outcome is Outcome.ACCEPTED:
        return RowResult(key, Outcome.AMBIGUOUS, "unanswered", "the job ended without a word on this row")
    return result
