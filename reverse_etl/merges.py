"""Identity changes in the plan: what becomes of a record whose person turned out to be another one too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode, ObjectSpec
from reverse_etl.gates import normal
from reverse_etl.rows import Op
from warehouse.base import Relation, Warehouse
from warehouse.sql import hits, statement

# A profile's last merge, unless something was moved into it later: then it lives again.
_MOVES = """
select last.profile_id, min(gone.profile_id_into) as survivor, last.batch
from (
    select profile_id_from as profile_id, max(batch) as batch from identity_changes
    where kind = 'merge' group by profile_id_from
) as last
inner join identity_changes as gone
    on gone.profile_id_from = last.profile_id and gone.batch = last.batch and gone.kind = 'merge'
left join (select profile_id_into, max(batch) as batch from identity_changes group by profile_id_into) as revived
    on revived.profile_id_into = last.profile_id and revived.batch > last.batch
where revived.profile_id_into is null
group by last.profile_id, last.batch
"""
# Batches rise along a chain, so it ends, whatever the table holds.
_CHAINS = """
select profile_id, survivor, batch from moves
union all
select chains.profile_id, moves.survivor, moves.batch
from chains inner join moves on moves.profile_id = chains.survivor and moves.batch > chains.batch
"""
_ENDS = """
select chains.profile_id, chains.survivor from chains
left join moves on moves.profile_id = chains.survivor and moves.batch > chains.batch
where moves.profile_id is null
"""
_SURVIVING = "select distinct survivor from ends"
_HELD = """
select count(*) as count_rows from sync_state
inner join ends on ends.profile_id = sync_state.profile_id
where sync_state.sync_name = $sync and (sync_state.row_hash is not null or sync_state.in_doubt)
"""
_WIDER = """
decided.op is not null or surviving.survivor is not null or (not decided.in_feed and decided.is_held)
"""
_SURVIVORS = """
select profile_id, row_key, destination_id, is_ready
from (
    select
        profile_id, row_key, destination_id, is_ready,
        row_number() over (partition by profile_id order by case when is_ready then 0 else 1 end, row_key) as place
    from (
        select profile_id, row_key, destination_id,
            applied_hash is not null and not in_doubt and not is_waiting as is_ready
        from compared
        where is_surviving and in_feed and blocked is null and not is_quarantined
    ) as eligible
) as placed
where place = 1
"""
_MERGED = """
select compared.*, survivors.row_key as survivor_key, survivors.destination_id as survivor_id, survivors.is_ready,
    not compared.in_feed and compared.is_held and not compared.is_waiting and survivors.row_key is not null
        as is_merged
from compared
left join ends on ends.profile_id = compared.applied_profile and not compared.in_feed
left join survivors on survivors.profile_id = ends.survivor
"""
_RESOLVED = """
select merged.*,
    case
        when is_merged and $merges and not is_forbidden then case when is_ready then 'merge' else 'none' end
        when is_merged and $removes then 'remove'
        else op
    end as final_op,
    case
        when is_merged and $merges and not is_forbidden and not is_ready then 'merging'
        when is_merged and ($merges or $removes) then 'merged'
        else reason
    end as final_reason,
    case when is_merged and $merges and not is_forbidden and is_ready then survivor_key end as into_key,
    case when is_merged and $merges and not is_forbidden and is_ready then survivor_id end as into_id
from merged
where op is not null or is_merged
"""
_SUPPRESSED = "select identifier_value from suppressions where identifier_type = 'profile_id'"


@dataclass(frozen=True, slots=True)
class Merges:
    """Weaves identity changes into the comparison.

    A record that the destination holds, whose row has left the feed, and whose person was merged into one that has an
    eligible row, is folded into that one's record, or removed.

    Attributes:
        sync: What to plan; it names the ``changes`` relation.
        spec: What the destination's object can do.
        dialect: The warehouse's.
    """

    sync: SyncDefinition
    spec: ObjectSpec
    dialect: str

    def woven_into(self, steps: Mapping[str, exp.Expr]) -> dict[str, exp.Expr]:
        """Return the comparison's steps, with the rows of merged people resolved."""
        woven: dict[str, exp.Expr] = dict(self._ends())
        woven["surviving"] = statement(_SURVIVING, {})
        for name, step in steps.items():
            if name == "compared":
                woven[name] = self._widened(cast("exp.Select", step))
            elif name == "resolved":
                woven["survivors"] = statement(_SURVIVORS, {})
                woven["merged"] = self._gated()
                woven[name] = statement(_RESOLVED, {}, merges=self._can_merge(), removes=Op.REMOVE in self.spec.limits)
            else:
                woven[name] = step
        return woven

    def concern(self, warehouse: Warehouse) -> bool:
        """Tell whether the destination holds a record of anybody who was merged into another; mostly it does not."""
        known = tables.relations(warehouse)
        query = cast("exp.Select", statement(_HELD, known, sync=self.sync.name))
        for name, step in self._ends().items():
            query = query.with_(name, step, copy=False, recursive=True)
        [found] = warehouse.query(query)
        return bool(found["count_rows"])

    def _ends(self) -> dict[str, exp.Expr]:
        known = {"identity_changes": cast("Relation", self.sync.changes)}
        return {"moves": statement(_MOVES, known), "chains": statement(_CHAINS, {}), "ends": statement(_ENDS, {})}

    def _widened(self, compared: exp.Select) -> exp.Select:
        """Keep the rows of survivors and of everybody who left in view, whatever becomes of them."""
        survivor = exp.column("survivor", table="surviving")
        compared = compared.select(exp.alias_(survivor.is_(exp.null()).not_(), "is_surviving"))
        compared = compared.join(
            "surviving", on=survivor.copy().eq(exp.column("profile_id", table="decided")), join_type="left"
        )
        return compared.where(exp.condition(_WIDER, dialect="duckdb"), append=False)

    def _gated(self) -> exp.Expr:
        """Leave out of a merge who was erased: the record of a forgotten person is removed, not handed on."""
        merged = cast("exp.Select", statement(_MERGED, {}))
        if self.sync.suppressions is None:
            return merged.select(exp.alias_(exp.false(), "is_forbidden"))
        listed = statement(_SUPPRESSED, {"suppressions": self.sync.suppressions})
        person = exp.column("applied_profile", table="compared")
        merged, hit = hits(merged, person, "erased", listed, self.dialect)
        kind = self.spec.identifiers.get(self.sync.key)
        if kind is not None:
            query = "select identifier_value from suppressions where identifier_type = $kind"
            listed = statement(query, {"suppressions": self.sync.suppressions}, kind=kind)
            key = exp.column("row_key", table="compared")
            merged, by_key = hits(merged, normal(key, kind), "erased_key", listed, self.dialect)
            hit = exp.or_(hit, by_key)
        return merged.select(exp.alias_(hit, "is_forbidden"))

    def _can_merge(self) -> bool:
        return self.sync.on_merge == "merge" and self.spec.merges and Op.MERGE in self.spec.limits


def merges_of(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec) -> Merges | None:
    """Return what to weave in for merged people, where the sync follows them and there are any."""
    follows = sync.changes is not None and sync.on_merge != "keep" and sync.mode in (Mode.MIRROR, Mode.UPSERT)
    merges = Merges(sync, spec, warehouse.dialect)
    return merges if follows and merges.concern(warehouse) else None
