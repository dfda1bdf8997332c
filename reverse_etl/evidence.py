"""What the guards look at: removals that people asked for, how old the data are, and what failed upstream."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.bounds import rows_of
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import ObjectSpec
from reverse_etl.guards import Evidence, judge
from reverse_etl.report import Plan
from warehouse.base import Warehouse
from warehouse.sql import any_of, statement, text

_NEWEST = "select max(received_at) as newest from profile_events where received_at <= cast($as_of as timestamp)"
_GOOD = ("success", "pass", "warn", "no-op")  #: dbt's words for a result that stops nothing
_RESULTS = """
select node_id, status, failures, as_of from dbt_results
where node_id = $feed or not $good
"""
_DENIED = "select profile_id from profile_consents where purpose = $purpose and status = 'denied'"
_SUPPRESSED = "select identifier_value from suppressions where identifier_type = $kind"
_OPTED_OUT = "select count(*) as count_rows from sync_plan where run_id = $run_id and op = 'remove' and $asked"
_HOLD_BACK = """
update sync_plan set op = 'none', reason = 'guard', seq = null
where run_id = $run_id and op <> 'none' and not (op = 'remove' and coalesce($asked, false))
"""
_NUMBER = """
update sync_plan set seq = numbered.place
from (
    select row_key as numbered_key, row_number() over (order by seq) as place
    from sync_plan as ordered where ordered.run_id = $run_id and ordered.op = 'remove'
) as numbered
where run_id = $run_id and op = 'remove' and row_key = numbered.numbered_key
"""


def judged(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, plan: Plan) -> Plan:
    """Return a plan with how it stands against the sync's guards.

    Args:
        warehouse: Where ``sync_plan`` holds the plan's rows.
        sync: The sync.
        spec: What the destination's object can do.
        plan: Its counts.
    """
    asked = opted_out(warehouse, sync, spec, plan.run_id) if plan.remove else 0
    counted = replace(plan, opted_out=asked)
    return replace(counted, guards=judge(sync.guards, counted, gather(warehouse, sync, plan.as_of)))


def gather(warehouse: Warehouse, sync: SyncDefinition, as_of: datetime) -> Evidence:
    """Return what the sync's guards ask for; what none of them asks for is not looked up.

    Args:
        warehouse: Where profiles and the engine's tables are.
        sync: The sync.
        as_of: The plan's moment.
    """
    newest, built, status, failed = None, None, "", []
    if sync.guards.max_age is not None and sync.events is not None:
        [row] = warehouse.query(statement(_NEWEST, {"profile_events": sync.events}, as_of=as_of.isoformat()))
        newest = cast("datetime | None", row["newest"])
    if sync.guards.checks or sync.guards.max_feed_age is not None:
        good = exp.column("status").isin(*_GOOD)
        for row in tables.ask(warehouse, _RESULTS, feed=sync.feed_id, good=good):
            if row["node_id"] == sync.feed_id:
                built, status = row["as_of"], str(row["status"])
            if row["node_id"] in sync.upstream and (what := _failure(row)):
                failed.append(what)
    return Evidence(newest, built, status, tuple(sorted(failed)))


def opted_out(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, run_id: str) -> int:
    """Return how many of a plan's removals somebody asked for: said no to the purpose, or is suppressed."""
    asked = _asked(sync, spec)
    if asked is None:
        return 0
    [row] = warehouse.query(statement(_OPTED_OUT, _known(warehouse, sync), run_id=run_id, asked=asked))
    return int(row["count_rows"])


def keep_only_opted_out(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, run_id: str) -> None:
    """Hold back every row of a plan but the removals that somebody asked for: ``reason`` says ``guard``."""
    asked = _asked(sync, spec) or exp.false()
    with warehouse.transaction():
        warehouse.execute(statement(_HOLD_BACK, _known(warehouse, sync), run_id=run_id, asked=asked))
        warehouse.execute(statement(_NUMBER, _known(warehouse, sync), run_id=run_id))


def _asked(sync: SyncDefinition, spec: ObjectSpec) -> exp.Expr | None:
    """Return whether a removal in ``sync_plan`` is one that a person asked for; nothing where rows are not people.

    It goes by who is denied or suppressed now, whatever the plan's reason: who withdraws often leaves the feed by the
    same act. Somebody of whom no consent is known any more has not asked for anything: a lost table of consents must
    not empty an audience.
    """
    conditions: list[exp.Expr] = []
    person, key = exp.column("profile_id", table="sync_plan"), exp.column("row_key", table="sync_plan")
    if sync.purpose and sync.consents is not None:
        conditions.append(person.isin(query=cast("exp.Query", statement(_DENIED, {}, purpose=sync.purpose))))
    if sync.suppressions is not None:
        conditions.append(exp.column("reason", table="sync_plan").eq("suppression"))
        held: list[tuple[str, exp.Expr]] = [("profile_id", person)]
        if sync.key in spec.identifiers:
            held.append((spec.identifiers[sync.key], exp.func("lower", exp.func("trim", key))))
        for kind, value in held:
            listed = cast("exp.Query", statement(_SUPPRESSED, {}, kind=kind))
            conditions.append(text(value).isin(query=listed))
    return exp.paren(any_of(conditions)) if conditions else None


def _known(warehouse: Warehouse, sync: SyncDefinition) -> dict[str, Any]:
    known = dict(tables.relations(warehouse))
    if sync.consents:
        known["profile_consents"] = sync.consents
    if sync.suppressions:
        known["suppressions"] = sync.suppressions
    return known


def _failure(row: dict[str, Any]) -> str:
    """Return a failure for people, or nothing where the result is none: a skipped test says nothing by itself."""
    kind, _, rest = str(row["node_id"]).partition(".")
    name, status = rest.split(".")[1] if "." in rest else rest, str(row["status"])
    if status in _GOOD or (kind == "test" and status == "skipped"):
        return ""
    return f"{kind} {name}: {status}" if status != "fail" else f"{kind} {name}: {rows_of(int(row['failures'] or 0))}"
