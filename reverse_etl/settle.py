"""Settle: asynchronous jobs are asked after until each row has its final result, in this run or in the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.clock import Clock
from reverse_etl.commit import no_fence, record
from reverse_etl.crew import Crew
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.errors import DestinationDown, DestinationRefused
from reverse_etl.pages import COLUMNS, planned_rows
from reverse_etl.results import Answers
from reverse_etl.rows import Op, Outcome, Row, RowResult
from reverse_etl.send import no_beat
from warehouse.base import Warehouse
from warehouse.sql import statement

FIRST_WAIT = 0.5  #: seconds
LONGEST_WAIT = 15.0  #: seconds; shorter than what a lease needs to be renewed
HELD_ROWS = 50_000  #: most rows of jobs in memory, but for a single job that has more
HELD_JOBS = 500  #: most jobs whose rows one query reads

_OPEN = """
select job_id, job_run_id, count(*) as count_rows from sync_state
where sync_name = $sync and job_id is not null group by job_id, job_run_id order by job_run_id, job_id
"""
# Nobody can tell what such a row was any more, so it can be asked for in no job.
_STRAY = """
update sync_state set in_doubt = true, job_id = null, job_run_id = null
where sync_name = $sync and job_id is not null and not exists (
    select 1 from sync_plan as plan
    where plan.run_id = sync_state.job_run_id and plan.row_key = sync_state.row_key
)
"""
_ROWS = f"""
select {COLUMNS}, state.job_id, plan.op
from sync_state as state
inner join sync_plan as plan on plan.run_id = state.job_run_id and plan.row_key = state.row_key
where state.sync_name = $sync and state.job_run_id = $plan_run and $is_asked_after
order by plan.seq
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
    beat: Callable[[], object] = no_beat,
    fence: Callable[[], None] = no_fence,
) -> tuple[Counter[Outcome], list[Job]]:
    """Ask after the open jobs of a sync until they are done or ``settle_seconds`` have passed.

    It may end at any moment: what is open stays written down in the state, and the next call asks after it again.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        destination: Where its rows went.
        run_id: The run that asks.
        clock: Waits between two rounds.
        batches: Numbers for what is committed.
        progress: Is told how many rows have their result, and of how many.
        beat: Renews the run's lease where that is due; raises when it was lost.
        fence: Renews it within each commit's transaction.

    Returns:
        What became of the rows of the jobs that were done, by outcome, and the jobs that are still open.

    Raises:
        DestinationRefused: The account refused.
        DestinationDown: It could not be reached. Jobs that were done until then are committed.
    """
    waiting = open_jobs(warehouse, sync.name)
    if waiting and tables.run(warehouse, _STRAY, sync=sync.name):
        waiting = open_jobs(warehouse, sync.name)
    total = sum(job.rows for job in waiting)
    outcomes: Counter[Outcome] = Counter()
    deadline = clock.elapsed() + sync.settle_seconds
    wait = FIRST_WAIT
    held: dict[Job, _Rows] = {}
    with Crew[_Asked](destination.objects[sync.object].concurrency, destination.traffic, beat) as crew:
        while waiting:
            still_open: list[Job] = []
            for group in _groups(waiting):
                if group[0] not in held:
                    # Where a group is all there is, its rows are read once; else memory has to stay flat.
                    read = _read(warehouse, sync, group)
                    held = read if len(group) == len(waiting) else {}
                else:
                    read = held
                answers, failure = Answers(), None
                for job, results, error in _ask(crew, sync, destination, {job: read[job] for job in group}):
                    failure = failure or error
                    if results is None:
                        still_open.append(job)
                    else:
                        answers.add(next(batches), read[job].seqs, results)
                plan_run = group[0].run_id
                record(warehouse, sync.name, run_id, answers, clock.now(), plan_run=plan_run, fence=fence)
                outcomes.update(answers.outcomes)
                progress(sum(outcomes.values()), total)
                if failure is not None:
                    raise failure
            waiting = sorted(still_open, key=lambda job: (job.run_id, job.job_id))
            if not waiting or clock.elapsed() + wait > deadline:
                break
            clock.sleep(wait)
            beat()
            wait = min(wait * 2, LONGEST_WAIT)
    return outcomes, waiting


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a job, and their places in the plan."""

    seqs: Sequence[int]
    rows: Sequence[Row]


_Asked = tuple[Job, list[RowResult] | None, DestinationDown | DestinationRefused | None]


def _groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield jobs of one run each, as many as may be held in memory at a time."""
    group: list[Job] = []
    for job in jobs:
        rows = sum(other.rows for other in group) + job.rows
        if group and (job.run_id != group[0].run_id or rows > HELD_ROWS or len(group) == HELD_JOBS):
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def _read(warehouse: Warehouse, sync: SyncDefinition, jobs: Sequence[Job]) -> dict[Job, _Rows]:
    """Read the rows of jobs of one run."""
    asked_after = exp.column("job_id", table="state").isin(*(job.job_id for job in jobs))
    values = {"sync": sync.name, "plan_run": jobs[0].run_id, "is_asked_after": asked_after}
    found: dict[str, dict[Op, list[tuple[object, ...]]]] = defaultdict(lambda: defaultdict(list))
    for line in warehouse.tuples(statement(_ROWS, tables.relations(warehouse), **values)):
        found[line[-2]][Op(line[-1])].append(line)
    read = {}
    for job in jobs:
        seqs: list[int] = []
        rows: list[Row] = []
        for op, lines in found[job.job_id].items():
            seqs += (int(str(line[0])) for line in lines)
            rows += planned_rows(op, lines)
        read[job] = _Rows(seqs, rows)
    return read


def _ask(
    crew: Crew[_Asked], sync: SyncDefinition, destination: Destination, jobs: dict[Job, _Rows]
) -> Iterator[_Asked]:
    """Ask after jobs, several at a time, and yield what is said of each; none more after one that failed."""
    delivery = sync.delivery

    def ask(job: Job, rows: Sequence[Row]) -> _Asked:
        try:
            results = destination.settle(delivery, job.job_id, rows)
        except (DestinationDown, DestinationRefused) as error:
            return job, None, error
        if results is None:
            return job, None, None
        answered = {result.key: result for result in results}
        return job, [_final(row.key, answered.get(row.key)) for row in rows], None

    failed = False
    for job, held in jobs.items():
        if failed:
            yield job, None, None
            continue
        crew.hand(ask, job, held.rows)
        while crew.is_full:
            for asked in crew.returned():
                failed = failed or asked[2] is not None
                yield asked
    while crew.is_busy:
        yield from crew.returned()


def _final(key: str, result: RowResult | None) -> RowResult:
    """Return a row's result, which after a job is done can no longer be open."""
    if result is None or result.outcome is Outcome.ACCEPTED:
        return RowResult(key, Outcome.AMBIGUOUS, "unanswered", "the job ended without a word on this row")
    return result
