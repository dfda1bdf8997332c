"""Commit: what the destination said of a window of rows goes into the ledger and the state, in one transaction.

Python tells the warehouse only what it does not know yet: place in the plan, batch, outcome, code, reason, job and the
destination's id. Everything else follows from the plan inside the warehouse, so that no payload travels back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlglot import exp

from reverse_etl import runs, tables
from reverse_etl.results import Answers
from warehouse.base import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import statement

_RECORD = """
insert into sync_ledger (
    run_id, sync_name, batch_id, row_key, op, outcome, code, reason, job_id, destination_id, row_hash, recorded_at
)
select
    $run_id, $sync, answer.batch_id, plan.row_key, plan.op, answer.outcome, answer.code, answer.reason, answer.job_id,
    answer.destination_id, plan.row_hash, cast($at as timestamp)
from weft_values as answer
inner join sync_plan as plan on plan.seq = answer.seq
where plan.run_id = $plan_run and plan.seq between $first_seq and $last_seq
"""
# The state follows from the ledger's new lines and from the plan:
# delete      it is gone from the destination;
# apply       the destination holds the row as planned;
# accept      a job has it, and its result is still open;
# doubt       nobody knows what is there: what was sent counts as what may be there, and the columns that the call was
#             to change are sent again even where the feed has gone back to what was there before;
# quarantine  it was refused, and is not sent again as it is. Never a removal: a person who must not be there is asked
#             out again by every run;
# release     only its job is over.
# A row that nothing was known of gets a place without a hash, unless the destination confirmed it. The keys' bounds
# spare the warehouse from looking at the rest of a large state.
_FOLLOW = """
merge into sync_state as state
using (
    select
        plan.sync_name,
        plan.row_key,
        plan.profile_id,
        case when told.action = 'apply' then plan.row_hash end as row_hash,
        case when told.action = 'apply' then plan.mapping_hash end as mapping_hash,
        plan.payload,
        coalesce(told.destination_id, plan.destination_id) as destination_id,
        case when told.action = 'apply' then told.recorded_at end as applied_at,
        told.action = 'doubt' as in_doubt,
        case when told.action = 'doubt' then plan.changed_columns end as unsure_columns,
        case when told.action = 'accept' then told.job_id end as job_id,
        case when told.action = 'accept' then plan.run_id end as job_run_id,
        case when told.action = 'quarantine' then plan.row_hash end as quarantined_hash,
        case when told.action = 'quarantine' then told.code end as quarantined_code,
        told.action
    from (
        select
            row_key, destination_id, recorded_at, job_id, code,
            case
                when outcome = 'applied' and op in ('remove', 'merge') then 'delete'
                when outcome = 'applied' then 'apply'
                when outcome = 'accepted' then 'accept'
                when outcome = 'ambiguous' or $is_doubtful then 'doubt'
                when outcome = 'permanent' and op not in ('remove', 'merge') then 'quarantine'
                when $is_settled then 'release'
            end as action
        from sync_ledger
        where run_id = $run_id and batch_id between $first_batch and $last_batch
    ) as told
    inner join sync_plan as plan on plan.row_key = told.row_key
    where plan.run_id = $plan_run and plan.seq between $first_seq and $last_seq and told.action is not null
) as answer
on state.sync_name = answer.sync_name
    and state.row_key = answer.row_key
    and state.row_key between $first_key and $last_key
when matched and answer.action = 'delete' then delete
when matched and answer.action = 'apply' then update set
    profile_id = answer.profile_id,
    row_hash = answer.row_hash,
    mapping_hash = answer.mapping_hash,
    payload = answer.payload,
    destination_id = answer.destination_id,
    applied_at = answer.applied_at,
    in_doubt = answer.in_doubt,
    unsure_columns = answer.unsure_columns,
    job_id = answer.job_id,
    job_run_id = answer.job_run_id,
    quarantined_hash = answer.quarantined_hash,
    quarantined_code = answer.quarantined_code
when matched and answer.action = 'doubt' then update set
    payload = answer.payload,
    in_doubt = answer.in_doubt,
    unsure_columns = coalesce(answer.unsure_columns, state.unsure_columns),
    job_id = answer.job_id,
    job_run_id = answer.job_run_id
when matched and answer.action = 'quarantine' then update set
    quarantined_hash = answer.quarantined_hash,
    quarantined_code = answer.quarantined_code,
    job_id = answer.job_id,
    job_run_id = answer.job_run_id
when matched then update set
    job_id = answer.job_id,
    job_run_id = answer.job_run_id
when not matched and answer.action in ('apply', 'accept', 'doubt', 'quarantine') then insert (
    sync_name, row_key, profile_id, row_hash, mapping_hash, payload, destination_id, applied_at, in_doubt,
    unsure_columns, job_id, job_run_id, quarantined_hash, quarantined_code
) values (
    answer.sync_name, answer.row_key, answer.profile_id, answer.row_hash, answer.mapping_hash, answer.payload,
    answer.destination_id, answer.applied_at, answer.in_doubt, answer.unsure_columns, answer.job_id,
    answer.job_run_id, answer.quarantined_hash, answer.quarantined_code
)
"""
_INTERRUPTED = """
select runs.run_id, runs.status, runs.sending_from, runs.sending_to, min(plan.row_key) as first_key,
    max(plan.row_key) as last_key
from sync_runs as runs
left join sync_plan as plan on plan.run_id = runs.run_id and plan.seq between runs.sending_from and runs.sending_to
where runs.sync_name = $sync and (runs.status = 'sending' or runs.sending_from is not null)
group by runs.run_id, runs.status, runs.sending_from, runs.sending_to
order by runs.run_id
"""
# All of them: the transaction that writes their answers also clears the range. A line that the ledger has of such a row
# and run is of a job that had ended before the row was sent again.
_FLAG = """
insert into sync_ledger (run_id, sync_name, batch_id, row_key, op, outcome, code, reason, row_hash, recorded_at)
select plan.run_id, plan.sync_name, -1, plan.row_key, plan.op, 'ambiguous', 'interrupted',
    'the run was killed while this row was being sent', plan.row_hash, cast($at as timestamp)
from sync_plan as plan
where plan.run_id = $run_id and plan.seq between $first_seq and $last_seq
"""
_INTERRUPT = """
update sync_runs set status = 'interrupted', sending_from = null, sending_to = null,
    ended_at = cast($at as timestamp), message = 'the run was killed; the next one took over what was in doubt'
where run_id = $run_id
"""


def no_fence() -> None:
    """Let every commit through: for callers that hold no lease."""


def record(
    warehouse: Warehouse,
    sync: str,
    run_id: str,
    answers: Answers,
    at: datetime,
    *,
    plan_run: str | None = None,
    fence: Callable[[], None] = no_fence,
) -> None:
    """Write answers into the ledger and the state, all or nothing.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync's name.
        run_id: The run that learned them.
        answers: What the destination said.
        at: The moment.
        plan_run: The run whose plan the rows belong to, when an earlier one sent them into a job; then they settle.
        fence: The last statement of the transaction; raises when the run lost its lease, and nothing is written.

    Raises:
        WarehouseError: The warehouse refused. The rows are in doubt, and the next run finds them so.
    """
    if not len(answers):
        return
    values: dict[str, object] = {"run_id": run_id, "sync": sync, "plan_run": plan_run or run_id, **answers.bounds()}
    insert = statement(_RECORD, tables.relations(warehouse), at=at.isoformat(), **values)
    with warehouse.transaction():
        written = warehouse.execute_with(answers.values(), insert)
        if written != len(answers):
            raise WarehouseError(
                f"{len(answers)} rows were sent, and the stored plan has {written} of them: somebody changed it.",
                where=f"{tables.relations(warehouse)['sync_plan']}, run {values['plan_run']}",
                fix="keep other programs from writing there, and run the sync again: it repeats what is in doubt",
            )
        if answers.changes_state or plan_run is not None:
            tables.run(warehouse, _FOLLOW, is_settled=plan_run is not None, **values)
        if plan_run is None:
            runs.landed(warehouse, run_id)
        fence()


def recover(warehouse: Warehouse, sync: str, at: datetime, fence: Callable[[], None] = no_fence) -> int:
    """Take over from runs of a sync that were killed, and return how many rows they left in doubt.

    What was being sent may have arrived or not. Those rows are marked, so that the plan sends them again, or removes
    them where they no longer belong, whatever the state says of them. A run whose results could not be committed, for a
    full disk or a lost lease, left rows behind in the same way.
    """
    doubtful = 0
    for run in tables.ask(warehouse, _INTERRUPTED, sync=sync):
        with warehouse.transaction():
            if run["sending_from"] is not None and run["first_key"] is not None:
                values = {
                    "run_id": run["run_id"],
                    "first_seq": run["sending_from"],
                    "last_seq": run["sending_to"],
                }
                doubtful += tables.run(warehouse, _FLAG, at=at.isoformat(), **values)
                keys = {"first_key": run["first_key"], "last_key": run["last_key"]}
                batches = {"first_batch": -1, "last_batch": -1, "plan_run": run["run_id"]}
                tables.run(warehouse, _FOLLOW, is_doubtful=exp.false(), is_settled=False, **values, **keys, **batches)
            if run["status"] == "sending":
                tables.run(warehouse, _INTERRUPT, run_id=run["run_id"], at=at.isoformat())
            else:
                runs.landed(warehouse, run["run_id"])
            fence()
    return doubtful
