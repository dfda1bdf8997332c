"""The comparison: one query over feed, consents, suppressions and state that says what becomes of every row.

feed ⋈ consents ⋈ suppressions ⟗ state  →  add, change, remove, merge, or kept back and why

The feed is a view, so it is read once, and most rows of it are as they were. So only narrow rows are joined with all of
the state: key, hash and flags. The feed's columns pass by that join unread; JSON is written, and the payload that was
applied before is fetched, for the few rows that something becomes of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode, ObjectSpec
from reverse_etl.differences import differences
from reverse_etl.feed import Feed, key_text
from reverse_etl.gates import gated, identifiers
from reverse_etl.merges import Merges
from reverse_etl.rows import Op
from warehouse.base import Column, Warehouse
from warehouse.sql import canonical, json_object, statement, text

NONE = "none"  #: the op of a row that is kept back; its ``reason`` says why
UNCHANGED = "unchanged"  #: the reason of a row that has another hash than before, and the same payload

_STATE = """
select
    row_key, row_hash, coalesce(in_doubt, false) as in_doubt, job_id is not null as is_waiting, quarantined_hash,
    false as was_sent
from sync_state where sync_name = $sync
"""
# A resync trusts no state alone: whatever was once on its way may be there, and so may what was asked out without a
# confirmation, of which retention leaves no other line. What was merged into another record is not:
# there its key may stand for the one that stayed.
_SENT = """
select lines.row_key from sync_ledger as lines
left join sync_runs as runs on runs.run_id = lines.run_id
where lines.sync_name = $sync and coalesce(runs.delivers_to, $delivers_to) = $delivers_to
group by lines.row_key
having max(case
        when lines.outcome in ('accepted', 'ambiguous') then 1
        when lines.outcome = 'applied' and lines.op in ('add', 'change') then 1
        else 0
    end) = 1
    and coalesce(max_by(lines.op, case when lines.outcome = 'applied' then lines.recorded_at end), '') <> 'merge'
"""
_EVER = """
select
    coalesce(held.row_key, sent.row_key) as row_key, held.row_hash, coalesce(held.in_doubt, false) as in_doubt,
    coalesce(held.is_waiting, false) as is_waiting, held.quarantined_hash, sent.row_key is not null as was_sent
from held full outer join sent on sent.row_key = held.row_key
"""
_LAST_IDS = """
select row_key, max_by(destination_id, recorded_at) as destination_id from sync_ledger
where sync_name = $sync and destination_id is not null group by row_key
"""
_MATCHED = """
select
    coalesce(gated.row_key, state.row_key) as row_key,
    coalesce(gated.in_feed, false) as in_feed,
    gated.profile_id,
    gated.row_hash,
    gated.blocked,
    state.row_hash as applied_hash,
    coalesce(state.in_doubt, false) as in_doubt,
    coalesce(state.is_waiting, false) as is_waiting,
    coalesce(state.in_doubt, false) or state.row_hash is not null as is_held,
    coalesce(state.was_sent, false) as was_sent,
    coalesce(state.quarantined_hash = gated.row_hash, false) as is_quarantined
from gated full outer join state on gated.row_key = state.row_key
"""
_DECIDED = """
select
    matched.*,
    case
        when is_waiting then 'none'
        when in_feed and blocked is null then
            case
                when is_quarantined then 'none'
                when in_doubt then $when_in_doubt
                when applied_hash is null or $resync then $when_new
                when applied_hash <> row_hash then $when_changed
            end
        when (is_held or was_sent) and $removes then 'remove'
        when in_feed then 'none'
    end as op,
    case
        when is_waiting then 'waiting'
        when in_feed and blocked is null then
            case when is_quarantined then 'quarantine' when in_doubt then 'in_doubt' when $resync then 'resync' end
        when in_feed then blocked
        when is_held then 'left'
        else 'resync'
    end as reason
from matched
"""
_APPLIED = """
select row_key, profile_id, payload, mapping_hash, destination_id, unsure_columns from sync_state
where sync_name = $sync
"""
_COMPARED = """
select
    decided.*,
    applied.profile_id as applied_profile,
    applied.payload as applied_payload,
    applied.mapping_hash as applied_mapping,
    applied.destination_id,
    applied.unsure_columns,
    case when decided.op in ('add', 'change') then $payload end as new_payload
from decided left join applied on applied.row_key = decided.row_key
where decided.op is not null
"""
_RESOLVED = """
select compared.*, compared.op as final_op, compared.reason as final_reason,
    cast(null as text) as into_key, cast(null as text) as into_id
from compared
"""
_DESCRIBED = """
select
    row_key,
    case when $is_same then 'none' else final_op end as op,
    case when $is_same then 'unchanged' else final_reason end as reason,
    coalesce(profile_id, applied_profile) as profile_id,
    row_hash,
    case
        when final_op in ('remove', 'merge') then coalesce(applied_payload, $key_alone)
        when final_op <> 'none' then new_payload
    end as payload,
    case when final_op = 'change' or final_op = 'add' and applied_payload is not null then $changed_columns end
        as changed_columns,
    final_op = 'change' and coalesce(applied_mapping <> $mapping, false) and not ($any_common_changed) as by_mapping,
    destination_id,
    into_key,
    into_id
from resolved
"""
# The hash can differ where the payload does not: the row is another person's now, or a version of weft or of the
# warehouse spells a value in another way.
# Only where the destination has confirmed that payload: an update that was refused is a change as well.
_IS_SAME = """
final_op = 'change' and applied_hash is not null and not in_doubt and not $resync and new_payload = applied_payload
"""
_FINAL = """
select
    $run_id as run_id,
    $sync as sync_name,
    case when op <> 'none' then row_number() over (
        order by
            case op when 'remove' then 0 when 'merge' then 1 when 'add' then 2 when 'change' then 3 else 4 end,
            case when op <> 'none' then row_key end
    ) end as seq,
    row_key,
    op,
    reason,
    profile_id,
    row_hash,
    $mapping as mapping_hash,
    payload,
    changed_columns,
    by_mapping,
    destination_id,
    into_key,
    into_id
from described
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Builds the query of one plan.

    Attributes:
        warehouse: Where everything is.
        sync: What to plan.
        spec: What the destination's object can do.
        feed: The inspected feed.
        run_id: The run that the plan belongs to.
        resync: Whether every row is sent again, and everything that was ever sent is compared.
        merges: What becomes of rows whose person was merged into another; nothing of its own without it.
    """

    warehouse: Warehouse
    sync: SyncDefinition
    spec: ObjectSpec
    feed: Feed
    run_id: str
    resync: bool = False
    merges: Merges | None = None

    def query(self) -> exp.Select:
        """Return the plan's query: one row for each row to send, and for each that is kept back."""
        suppressible = identifiers(self.sync, self.spec, self.feed)
        steps: dict[str, exp.Expr] = {
            "feed": self._feed(suppressible),
            "gated": gated(self.sync, suppressible, self.warehouse.dialect),
            **self._state(),
        }
        steps["matched"] = cast("exp.Select", statement(_MATCHED, {})).select(
            *(exp.column(name, table="gated", quoted=True) for name in self._passing())
        )
        steps["decided"] = statement(_DECIDED, {}, resync=self.resync, **_decisions(self.sync.mode, self.spec))
        steps["applied"] = statement(_APPLIED, tables.relations(self.warehouse), sync=self.sync.name)
        steps["compared"] = self._compared()
        steps["resolved"] = statement(_RESOLVED, {})
        if self.merges:
            steps = self.merges.woven_into(steps)
        steps["described"] = self._described()
        values = {"run_id": self.run_id, "sync": self.sync.name, "mapping": self.feed.mapping_hash}
        final = cast("exp.Select", statement(_FINAL, {}, **values))
        for name, step in steps.items():
            final = final.with_(name, step, copy=False, recursive=self.merges is not None)
        return final

    def _passing(self) -> list[str]:
        """Return names for the feed's columns on their way, unlike any of ours."""
        return [f"c_{number}" for number in range(len(self.feed.columns))]

    def _feed(self, suppressible: Mapping[str, tuple[str, exp.Expr]]) -> exp.Select:
        profile = self.feed.profile
        # The person counts although it is not sent: a record's removal, or merge, goes by whose it is now.
        hashed = [*self.feed.columns, *([profile] if profile else [])]
        return exp.select(
            exp.alias_(key_text(self.feed), "row_key"),
            exp.alias_(text(profile.expression()) if profile else exp.cast(exp.null(), "text"), "profile_id"),
            exp.alias_(exp.func("md5", canonical(hashed, self.warehouse.dialect)), "row_hash"),
            exp.alias_(exp.true(), "in_feed"),
            *(exp.alias_(value, f"value_{name}") for name, (_, value) in suppressible.items()),
            *(
                exp.alias_(column.expression(), exp.to_identifier(name, quoted=True))
                for name, column in zip(self._passing(), self.feed.columns, strict=True)
            ),
        ).from_(self.sync.feed.table())

    def _state(self) -> dict[str, exp.Expr]:
        known, sync = tables.relations(self.warehouse), self.sync
        held = statement(_STATE, known, sync=sync.name)
        if not self.resync:
            return {"state": held}
        return {
            "held": held,
            "sent": statement(_SENT, known, sync=sync.name, delivers_to=sync.delivers_to),
            "state": statement(_EVER, {}),
            "last_ids": statement(_LAST_IDS, known, sync=sync.name),
        }

    def _compared(self) -> exp.Expr:
        named = zip(self._passing(), self.feed.columns, strict=True)
        passing = [Column(column.name, name, column.type) for name, column in named]
        step = cast("exp.Select", statement(_COMPARED, {}, payload=json_object(passing, self.warehouse.dialect)))
        if not self.resync:
            return step
        for column in list(step.find_all(exp.Column)):
            if column.table == "applied" and column.name == "destination_id":
                last = exp.column("destination_id", table="last_ids")
                column.replace(exp.alias_(exp.func("coalesce", column.copy(), last), "destination_id"))
        same_key = exp.column("row_key", table="last_ids").eq(exp.column("row_key", table="decided"))
        return step.join("last_ids", on=same_key, join_type="left", copy=False)

    def _described(self) -> exp.Expr:
        key = self.feed.key
        named = Column(key.name, "row_key", exp.DataType.build("text"))
        # Not `expression()`, which quotes: Snowflake knows our own columns in upper case.
        alone = json_object([named], self.warehouse.dialect).transform(
            lambda node: exp.column("row_key") if isinstance(node, exp.Column) else node
        )
        return statement(
            _DESCRIBED,
            {},
            is_same=statement(_IS_SAME, {}, resync=self.resync),
            key_alone=alone,
            mapping=self.feed.mapping_hash,
            **differences(self.warehouse, self.feed.columns, self.resync),
        )


def _decisions(mode: Mode, spec: ObjectSpec) -> Mapping[str, Any]:
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
