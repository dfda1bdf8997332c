"""The plan: one statement that compares the feed, as far as it may be sent, with what was last applied.

feed ⋈ consents ⋈ suppressions ⟗ state  →  add, change, remove, or kept back and why
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import Any, cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode, ObjectSpec
from reverse_etl.evidence import judged
from reverse_etl.feed import Feed, key_text
from reverse_etl.report import Plan
from reverse_etl.rows import Op
from warehouse.base import Warehouse
from warehouse.sql import any_of, joined, json_field, json_object, statement, text

NONE = "none"  #: the op of a row that is kept back; its ``reason`` says why

_GRANTED = """
select profile_id from profile_consents where purpose = $purpose
group by profile_id having min(status) = 'granted' and max(status) = 'granted'
"""
_SUPPRESSED = "select distinct identifier_value from suppressions where identifier_type = $kind"
_STATE = "select * from sync_state where sync_name = $sync"
_MATCHED = """
select
    coalesce(gated.row_key, state.row_key) as row_key,
    coalesce(gated.profile_id, state.profile_id) as profile_id,
    gated.row_hash,
    gated.payload,
    gated.blocked,
    gated.row_key is not null as in_feed,
    state.row_hash as applied_hash,
    state.payload as applied_payload,
    state.mapping_hash as applied_mapping,
    state.destination_id,
    coalesce(state.in_doubt, false) as in_doubt,
    coalesce(state.in_doubt, false) or state.row_hash is not null as is_held,
    state.job_id is not null as is_waiting,
    state.quarantined_hash
from gated full outer join state on gated.row_key = state.row_key
"""
_DECIDED = """
select
    matched.*,
    case
        when is_waiting then 'none'
        when in_feed and blocked is null then
            case
                when quarantined_hash = row_hash then 'none'
                when in_doubt then $when_in_doubt
                when applied_hash is null then $when_new
                when applied_hash <> row_hash then $when_changed
            end
        when is_held and $removes then 'remove'
        when in_feed then 'none'
    end as op,
    case
        when is_waiting then 'waiting'
        when in_feed and blocked is null then
            case when quarantined_hash = row_hash then 'quarantine' when in_doubt then 'in_doubt' end
        when in_feed then blocked
        else 'left'
    end as reason
from matched
"""
_FINAL = """
select
    $run_id as run_id,
    $sync as sync_name,
    case when op <> 'none' then row_number() over (
        order by
            case op when 'remove' then 0 when 'merge' then 1 when 'add' then 2 when 'change' then 3 end, row_key
    ) end as seq,
    row_key,
    op,
    reason,
    profile_id,
    row_hash,
    $mapping as mapping_hash,
    case op when 'none' then null when 'remove' then applied_payload else payload end as payload,
    case when op = 'change' then $changed_columns end as changed_columns,
    op = 'change' and coalesce(applied_mapping <> $mapping, false) and not ($any_common_changed) as by_mapping,
    destination_id,
    cast(null as text) as into_key,
    cast(null as text) as into_id
from decided
where op is not null
order by seq, row_key
"""
_COUNTS = """
select op, reason, count(*) as count_rows, count(case when by_mapping then 1 end) as count_by_mapping,
    coalesce(sum(length(payload)), 0) as characters
from sync_plan where run_id = $run_id group by op, reason
"""
_APPLIED = """
select count(*) as count_rows from sync_state where sync_name = $sync and (row_hash is not null or in_doubt)
"""
_FORGET = """
delete from sync_plan
where sync_name = $sync and run_id not in (
    select job_run_id from sync_state where sync_name = $sync and job_run_id is not null
)
"""
_FORGET_PREVIEWS = """
delete from sync_plan
where sync_name = $sync and run_id in (select run_id from sync_runs where sync_name = $sync and status = 'planned')
"""


def make(
    warehouse: Warehouse,
    sync: SyncDefinition,
    spec: ObjectSpec,
    feed: Feed,
    run_id: str,
    as_of: datetime,
    *,
    preview: bool = False,
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
    """
    with warehouse.transaction():
        tables.run(warehouse, _FORGET_PREVIEWS if preview else _FORGET, sync=sync.name)
        into = tables.relations(warehouse)["sync_plan"].table()
        columns = [exp.to_identifier(column) for column in tables.TABLES["sync_plan"]]
        warehouse.execute(exp.insert(query(warehouse, sync, spec, feed, run_id), into, columns=columns))
    return _counted(warehouse, sync, spec, feed, run_id, as_of)


def query(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, feed: Feed, run_id: str) -> exp.Select:
    """Return the plan's query: one row for each row to send, and for each that is kept back."""
    known = tables.relations(warehouse)
    if sync.consents:
        known["profile_consents"] = sync.consents
    if sync.suppressions:
        known["suppressions"] = sync.suppressions
    identifiers = _identifiers(sync, spec, feed)
    steps: dict[str, exp.Expr] = {"feed": _feed(warehouse, sync, feed, identifiers)}
    if sync.purpose:
        steps["granted"] = statement(_GRANTED, known, purpose=sync.purpose)
    for name, (kind, _) in identifiers.items():
        steps[f"suppressed_{name}"] = statement(_SUPPRESSED, known, kind=kind)
    steps["gated"] = _gated(sync, list(identifiers))
    steps["state"] = statement(_STATE, known, sync=sync.name)
    steps["matched"] = statement(_MATCHED, {})
    steps["decided"] = statement(_DECIDED, {}, **_decisions(sync.mode, spec))
    differences = _differences(warehouse, feed)
    values = {"run_id": run_id, "sync": sync.name, "mapping": feed.mapping_hash}
    final = cast("exp.Select", statement(_FINAL, {}, **values, **differences))
    for name, step in steps.items():
        final = final.with_(name, step, copy=False)
    return final


def _identifiers(sync: SyncDefinition, spec: ObjectSpec, feed: Feed) -> dict[str, tuple[str, exp.Expr]]:
    """Return what of a row may be suppressed: a name for it, the identifier's type, and its value."""
    if sync.suppressions is None:
        return {}
    found: dict[str, tuple[str, exp.Expr]] = {}
    if feed.profile is not None:
        found["profile"] = ("profile_id", text(feed.profile.expression()))
    held = {column.name: column for column in feed.columns}
    for number, (name, kind) in enumerate(sorted(spec.identifiers.items())):
        if name in held:
            value = exp.func("trim", text(held[name].expression()))
            found[f"identifier_{number}"] = (kind, exp.func("lower", value) if kind == "email" else value)
    return found


def _feed(
    warehouse: Warehouse, sync: SyncDefinition, feed: Feed, identifiers: Mapping[str, tuple[str, exp.Expr]]
) -> exp.Expr:
    payload = json_object(feed.columns, warehouse.dialect)
    rows = exp.select(
        exp.alias_(key_text(feed.key), "row_key"),
        exp.alias_(text(feed.profile.expression()) if feed.profile else exp.cast(exp.null(), "text"), "profile_id"),
        exp.alias_(payload, "payload"),
        *(exp.alias_(value, f"value_{name}") for name, (_, value) in identifiers.items()),
    ).from_(sync.feed.table())
    hashed = exp.alias_(exp.func("md5", exp.column("payload")), "row_hash")
    return exp.select("*", hashed).from_(rows.subquery("mapped"))


def _gated(sync: SyncDefinition, identifiers: list[str]) -> exp.Select:
    """Say of every row of the feed whether it may be sent; one hash join for each thing that can forbid it."""
    blocked = exp.case()
    gated = exp.select("feed.*").from_("feed")
    if identifiers:
        hits = [
            exp.column("identifier_value", table=f"suppressed_{name}").is_(exp.null()).not_() for name in identifiers
        ]
        blocked = blocked.when(any_of(hits), exp.Literal.string("suppression"))
    for name in identifiers:
        value = exp.column(f"value_{name}", table="feed")
        listed = exp.column("identifier_value", table=f"suppressed_{name}")
        gated = gated.join(f"suppressed_{name}", on=value.eq(listed), join_type="left")
    if sync.purpose:
        consenting = exp.column("profile_id", table="granted")
        blocked = blocked.when(consenting.is_(exp.null()), exp.Literal.string("consent"))
        gated = gated.join(
            "granted", on=exp.column("profile_id", table="feed").eq(text(consenting.copy())), join_type="left"
        )
    forbidden: exp.Expr = blocked if blocked.args.get("ifs") else exp.cast(exp.null(), "text")
    return gated.select(exp.alias_(forbidden, "blocked"))


def _decisions(mode: Mode, spec: ObjectSpec) -> dict[str, Any]:
    """Return what a mode makes of a new, a changed and a doubtful row, and whether it removes.

    A doubtful row is added again even where its hash is the one last applied: nobody knows what the destination holds.
    """
    if mode is Mode.APPEND:
        return {
            "when_new": str(Op.ADD),
            "when_changed": exp.null(),
            "when_in_doubt": str(Op.ADD) if spec.idempotent else NONE,
            "removes": False,
        }
    new = str(Op.CHANGE if mode is Mode.UPDATE else Op.ADD)
    return {"when_new": new, "when_changed": str(Op.CHANGE), "when_in_doubt": new, "removes": mode is Mode.MIRROR}


def _differences(warehouse: Warehouse, feed: Feed) -> dict[str, exp.Expr]:
    changed: list[exp.Expr] = []
    common: list[exp.Expr] = []
    for column in feed.columns:
        new = json_field(exp.column("payload"), column.name, warehouse.dialect)
        old = json_field(exp.column("applied_payload"), column.name, warehouse.dialect)
        differs = exp.NullSafeNEQ(this=text(new), expression=text(old))
        listed = exp.or_(exp.column("in_doubt"), differs)
        changed.append(exp.case().when(listed, exp.Literal.string(f"{column.name},")).else_(exp.Literal.string("")))
        common.append(exp.and_(old.is_(exp.null()).not_(), differs.copy()))
    return {"changed_columns": joined(changed), "any_common_changed": any_of(common)}


def _counted(
    warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, feed: Feed, run_id: str, as_of: datetime
) -> Plan:
    ops = {str(op): 0 for op in Op}
    characters = dict.fromkeys(ops, 0)
    removed: dict[str, int] = {}
    blocked: dict[str, int] = {}
    by_mapping = 0
    for row in warehouse.query(statement(_COUNTS, tables.relations(warehouse), run_id=run_id)):
        op, reason, rows = row["op"], row["reason"], int(row["count_rows"])
        if op in ops:
            ops[op] += rows
            characters[op] += int(row["characters"])
            by_mapping += int(row["count_by_mapping"])
        if op == Op.REMOVE:
            removed[reason] = removed.get(reason, 0) + rows
        if op == NONE or (op == Op.REMOVE and reason != "left"):
            blocked[reason] = blocked.get(reason, 0) + rows
    [applied] = warehouse.query(statement(_APPLIED, tables.relations(warehouse), sync=sync.name))
    calls = {op: _calls(spec, Op(op), rows, characters[op], sync.batch_rows) for op, rows in ops.items()}
    minutes = sum(count / spec.limits[Op(op)].calls_per_second / 60 for op, count in calls.items() if count)
    counts: dict[str, Any] = {
        "run_id": run_id,
        "sync": sync.name,
        "as_of": as_of,
        "add": ops["add"],
        "change": ops["change"],
        "remove": ops["remove"],
        "changed_by_mapping": by_mapping,
        "removed_because": removed,
        "blocked": blocked,
        "feed_rows": feed.rows,
        "applied_rows": int(applied["count_rows"]),
        "api_calls": sum(calls.values()),
        "minutes": round(minutes, 2),
    }
    return judged(warehouse, sync, spec, Plan(**counts))


def _calls(spec: ObjectSpec, op: Op, rows: int, characters: int, batch_rows: int | None) -> int:
    """Return how many calls so many rows take, going by the payload: a body is of about its size."""
    if not rows:
        return 0
    limits = spec.limits[op]
    return max(ceil(rows / min(limits.rows, batch_rows or limits.rows)), ceil(characters / limits.bytes))
