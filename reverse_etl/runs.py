"""``sync_runs``: one row per run, written as it goes, and what the command line and Dagster read of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.errors import ConfigError
from reverse_etl.report import Plan, RunReport, Status
from warehouse.base import Warehouse

_START = """
insert into sync_runs (run_id, sync_name, status, mode, delivers_to, as_of, started_at)
values ($run_id, $sync, $status, $mode, $delivers_to, cast($as_of as timestamp), cast($at as timestamp))
"""
_DELIVERED_TO = """
select delivers_to from sync_runs
where sync_name = $sync and status <> 'planned' and delivers_to is not null
    and exists (select 1 from sync_state where sync_name = $sync and (row_hash is not null or in_doubt))
order by started_at desc, run_id desc limit 1
"""
_PLANNED = """
update sync_runs set
    feed_rows = $feed_rows,
    planned_add = $planned_add, planned_change = $planned_change, planned_remove = $planned_remove,
    planned_merge = $planned_merge, changed_by_mapping = $changed_by_mapping, resync = $resync,
    blocked_consent = $consent, blocked_suppression = $suppression, blocked_quarantine = $quarantine,
    blocked_waiting = $waiting, blocked_in_doubt = $in_doubt, blocked_merging = $merging,
    coverage = $coverage
where run_id = $run_id
"""
_SENDING = """
update sync_runs set sending_from = $first, sending_to = $last where run_id = $run_id
"""
_LANDED = """
update sync_runs set sending_from = null, sending_to = null where run_id = $run_id
"""
_FINISH = """
update sync_runs set
    status = $status, ended_at = cast($at as timestamp), sent = $sent, applied = $applied, accepted = $accepted,
    refused = $refused, transient = $transient, ambiguous = $ambiguous, info = $info, settled_before = $settled_before,
    api_calls = $api_calls, seconds = $seconds, message = $message
where run_id = $run_id
"""
_LATEST = "select * from sync_runs where status <> 'planned' order by started_at desc, run_id desc limit $limit"
_LATEST_OF = """
select * from sync_runs where sync_name = $sync and status <> 'planned'
order by started_at desc, run_id desc limit $limit
"""


def new_id(at: datetime) -> str:
    """Return an id for a run that begins at a moment: it sorts by time and never repeats."""
    return f"{at:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"


def latest(warehouse: Warehouse, sync: str | None = None, limit: int = 1) -> list[dict[str, Any]]:
    """Return the last runs, the youngest first, as rows of ``sync_runs``; previews are left out.

    Args:
        warehouse: Where the engine's tables are.
        sync: A sync's name; all of them when left out.
        limit: Most rows to return.
    """
    if not tables.exist(warehouse):
        return []
    if sync is None:
        return tables.ask(warehouse, _LATEST, limit=limit)
    return tables.ask(warehouse, _LATEST_OF, sync=sync, limit=limit)


def check_destination(warehouse: Warehouse, sync: SyncDefinition) -> None:
    """Make sure that a sync still delivers to the place whose contents its state describes.

    Compared with another list's contents, a plan would find nothing to do and leave the new list empty for ever.

    Raises:
        ConfigError: It was pointed at another connection, object or target while the former one holds its rows.
    """
    for former in tables.ask(warehouse, _DELIVERED_TO, sync=sync.name):
        if former["delivers_to"] != sync.delivers_to:
            raise ConfigError(
                f"{sync.name} delivered to {former['delivers_to']} until now, and would deliver to {sync.delivers_to}.",
                where=sync.where,
                fix="give the exposure another name, so that the new place gets everybody; the former keeps its rows",
            )


def start(
    warehouse: Warehouse, run_id: str, sync: SyncDefinition, status: Status, as_of: datetime, at: datetime
) -> None:
    """Write down that a run begins."""
    tables.run(
        warehouse,
        _START,
        run_id=run_id,
        sync=sync.name,
        mode=str(sync.mode),
        delivers_to=sync.delivers_to,
        status=str(status),
        as_of=as_of.isoformat(),
        at=at.isoformat(),
    )


def planned(warehouse: Warehouse, plan: Plan) -> None:
    """Write down what a run plans."""
    tables.run(
        warehouse,
        _PLANNED,
        run_id=plan.run_id,
        feed_rows=plan.feed_rows,
        planned_add=plan.add,
        planned_change=plan.change,
        planned_remove=plan.remove,
        planned_merge=plan.merge,
        resync=plan.resync,
        changed_by_mapping=plan.changed_by_mapping,
        coverage=json.dumps(asdict(plan.coverage)) if plan.coverage else None,
        **{
            reason: plan.blocked.get(reason, 0)
            for reason in ("consent", "suppression", "quarantine", "waiting", "in_doubt", "merging")
        },
    )


def sending(warehouse: Warehouse, run_id: str, first: int, last: int, fence: Callable[[], None]) -> None:
    """Write down, before rows are sent, which they are, by seq: should the run be killed, those are in doubt.

    Args:
        warehouse: Where the engine's tables are.
        run_id: The run.
        first: The first row's place in the plan.
        last: The last row's.
        fence: The last statement of the transaction; raises when the run lost its lease. Its successor has looked for
            rows in doubt by then, so rows that are named later must not leave.
    """
    with warehouse.transaction():
        tables.run(warehouse, _SENDING, run_id=run_id, first=first, last=last)
        fence()


def landed(warehouse: Warehouse, run_id: str) -> None:
    """Write down that no batch is under way, in the transaction that commits the batch's results."""
    tables.run(warehouse, _LANDED, run_id=run_id)


def finish(warehouse: Warehouse, report: RunReport, at: datetime) -> None:
    """Write down how a run ended."""
    tables.run(
        warehouse,
        _FINISH,
        run_id=report.run_id,
        status=str(report.status),
        at=at.isoformat(),
        sent=report.sent,
        applied=report.applied,
        accepted=report.accepted,
        refused=report.refused,
        transient=report.transient,
        ambiguous=report.ambiguous,
        info=report.info,
        settled_before=sum(report.settled_before.values()),
        api_calls=report.api_calls,
        seconds=report.seconds,
        message=report.message,
    )
