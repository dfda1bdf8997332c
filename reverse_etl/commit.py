"""Commit: what the destination said of a batch goes into the ledger and the state, in one transaction.

Python writes only the ledger; the state follows from it and from the plan inside the warehouse, so that payloads never
travel back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reverse_etl import runs, tables
from reverse_etl.rows import Op, Outcome, RowResult
from warehouse.base import Warehouse

_LEDGER = tuple(tables.TABLES["sync_ledger"])

# The rows of one batch that had one outcome, with their key between the batch's first and last, which spares
# the warehouse from looking at the rest of a large table.
_BATCH = """
    select row_key from sync_ledger
    where run_id = $run_id and batch_id = $batch and outcome = $outcome and coalesce(job_id, '') = $job
"""
_RELEASE = """
update sync_state set job_id = null, job_run_id = null
where sync_name = $sync and job_run_id = $plan_run and row_key in (
    select row_key from sync_ledger where run_id = $run_id and batch_id = $batch
) and row_key between $first and $last
"""
_FORGET_APPLIED = f"""
delete from sync_state
where sync_name = $sync and row_key between $first and $last and row_key in ({_BATCH})
"""
_REMEMBER = """
insert into sync_state (
    sync_name, row_key, profile_id, row_hash, mapping_hash, payload, destination_id, applied_at, in_doubt
)
select
    plan.sync_name, plan.row_key, plan.profile_id, plan.row_hash, plan.mapping_hash, plan.payload,
    coalesce(ledger.destination_id, plan.destination_id), ledger.recorded_at, false
from sync_plan as plan
inner join sync_ledger as ledger on ledger.row_key = plan.row_key
where plan.run_id = $plan_run and plan.row_key between $first and $last and plan.op in ('add', 'change')
    and ledger.run_id = $run_id and ledger.batch_id = $batch and ledger.outcome = $outcome
    and coalesce(ledger.job_id, '') = $job
"""
# A row that the destination has not confirmed gets a place in the state without a hash: nobody knows yet what is there.
_MAKE_ROOM = """
insert into sync_state (sync_name, row_key, profile_id, payload, destination_id, in_doubt)
select plan.sync_name, plan.row_key, plan.profile_id, plan.payload, plan.destination_id, false
from sync_plan as plan
inner join sync_ledger as ledger on ledger.row_key = plan.row_key
left join sync_state as state on state.sync_name = plan.sync_name and state.row_key = plan.row_key
    and state.row_key between $first and $last
where plan.run_id = $plan_run and plan.row_key between $first and $last and plan.op in ('add', 'change', 'remove')
    and ledger.run_id = $run_id and ledger.batch_id = $batch and ledger.outcome = $outcome
    and coalesce(ledger.job_id, '') = $job
    and state.row_key is null
"""
_ACCEPT = f"""
update sync_state set job_id = $job, job_run_id = $plan_run
where sync_name = $sync and row_key between $first and $last and row_key in ({_BATCH})
"""
_DOUBT = f"""
update sync_state set in_doubt = true
where sync_name = $sync and row_key between $first and $last and row_key in ({_BATCH})
"""
# A removal is never quarantined: a person who must not be there is asked out again by every run.
_QUARANTINE = """
update sync_state set quarantined_hash = ledger.row_hash, quarantined_code = ledger.code
from sync_ledger as ledger
where sync_state.sync_name = $sync and sync_state.row_key between $first and $last
    and ledger.row_key = sync_state.row_key and ledger.run_id = $run_id and ledger.batch_id = $batch
    and ledger.outcome = $outcome and coalesce(ledger.job_id, '') = $job and ledger.op <> 'remove'
"""
_STATE_CHANGES: dict[Outcome, tuple[str, ...]] = {
    Outcome.APPLIED: (_FORGET_APPLIED, _REMEMBER),
    Outcome.ACCEPTED: (_MAKE_ROOM, _ACCEPT),
    Outcome.AMBIGUOUS: (_MAKE_ROOM, _DOUBT),
    Outcome.PERMANENT: (_MAKE_ROOM, _QUARANTINE),
    Outcome.TRANSIENT: (),
    Outcome.INFO: (),
}

_INTERRUPTED = """
select runs.run_id, runs.sending_from, runs.sending_to, min(plan.row_key) as first_key, max(plan.row_key) as last_key
from sync_runs as runs
left join sync_plan as plan on plan.run_id = runs.run_id and plan.seq between runs.sending_from and runs.sending_to
where runs.sync_name = $sync and runs.status = 'sending'
group by runs.run_id, runs.sending_from, runs.sending_to
"""
_FLAG = """
insert into sync_ledger (run_id, sync_name, batch_id, row_key, op, outcome, code, reason, row_hash, recorded_at)
select plan.run_id, plan.sync_name, -1, plan.row_key, plan.op, 'ambiguous', 'interrupted',
    'the run was killed while this row was being sent', plan.row_hash, cast($at as timestamp)
from sync_plan as plan
left join sync_ledger as ledger on ledger.run_id = plan.run_id and ledger.row_key = plan.row_key
where plan.run_id = $run_id and plan.seq between $sending_from and $sending_to and ledger.row_key is null
"""
_INTERRUPT = """
update sync_runs set status = 'interrupted', sending_from = null, sending_to = null,
    ended_at = cast($at as timestamp), message = 'the run was killed; the next one took over what was in doubt'
where run_id = $run_id
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A row that was sent, and what the destination said of it."""

    op: Op
    row_hash: str | None
    result: RowResult


def record(
    warehouse: Warehouse,
    sync: str,
    run_id: str,
    batch: int,
    sent: Sequence[Sent],
    at: datetime,
    *,
    plan_run: str | None = None,
    doubt: bool = False,
) -> None:
    """Write a batch's results into the ledger and the state, all or nothing.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync's name.
        run_id: The run that learned the results.
        batch: Its number within the run.
        sent: The rows and what became of them.
        at: The moment.
        plan_run: The run whose plan the rows belong to, when an earlier one sent them into a job.
        doubt: Whether rows to be tried again may have arrived in part, because the run broke off among several calls.
    """
    keys = sorted(item.result.key for item in sent)
    values = {
        "sync": sync,
        "run_id": run_id,
        "plan_run": plan_run or run_id,
        "batch": batch,
        "first": keys[0],
        "last": keys[-1],
    }
    with warehouse.transaction():
        warehouse.insert(
            tables.relations(warehouse)["sync_ledger"], _LEDGER, (_line(values, item, at) for item in sent)
        )
        if plan_run is not None:
            tables.run(warehouse, _RELEASE, **values)
        for outcome, job in sorted({(item.result.outcome, item.result.job_id or "") for item in sent}):
            effect = Outcome.AMBIGUOUS if doubt and outcome is Outcome.TRANSIENT else outcome
            for change in _STATE_CHANGES[effect]:
                tables.run(warehouse, change, outcome=str(outcome), job=job, **values)
        runs.landed(warehouse, run_id)


def recover(warehouse: Warehouse, sync: str, at: datetime) -> int:
    """Take over from runs of a sync that were killed, and return how many rows they left in doubt.

    The batch that was being sent may have arrived or not. Its rows are marked, so that the plan sends them again, or
    removes them where they no longer belong, whatever the state says of them.
    """
    doubtful = 0
    for run in tables.ask(warehouse, _INTERRUPTED, sync=sync):
        with warehouse.transaction():
            if run["sending_from"] is not None:
                between = {"sending_from": run["sending_from"], "sending_to": run["sending_to"]}
                doubtful += tables.run(warehouse, _FLAG, run_id=run["run_id"], at=at.isoformat(), **between)
                values = {"run_id": run["run_id"], "first": run["first_key"], "last": run["last_key"]}
                marks = {
                    "sync": sync,
                    "plan_run": run["run_id"],
                    "batch": -1,
                    "outcome": str(Outcome.AMBIGUOUS),
                    "job": "",
                }
                for change in _STATE_CHANGES[Outcome.AMBIGUOUS]:
                    tables.run(warehouse, change, **values, **marks)
            tables.run(warehouse, _INTERRUPT, run_id=run["run_id"], at=at.isoformat())
    return doubtful


def _line(values: dict[str, object], item: Sent, at: datetime) -> tuple[object, ...]:
    result = item.result
    return (
        values["run_id"],
        values["sync"],
        values["batch"],
        result.key,
        str(item.op),
        str(result.outcome),
        result.code,
        result.reason,
        result.job_id,
        result.destination_id,
        item.row_hash,
        at,
    )
