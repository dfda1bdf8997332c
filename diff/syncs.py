"""What each sync would send: by the engine's own plan, made twice in the scratch, with the change and without.

The engine's tables in the scratch are views of production's, but for the plan itself, which is the scratch's own. So
the feed is held against what the destination holds, by the query that a run would use, and nothing of it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from diff.report import Sync
from diff.scratch import Scratch
from reverse_etl import feed as feeds
from reverse_etl import plan as plans
from reverse_etl import runs, tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations import registry
from reverse_etl.report import Plan
from warehouse.base import Relation, Warehouse
from warehouse.errors import WeftError
from warehouse.sql import statement

#: What of a definition says where it is, rather than what it does.
_PLACES = ("feed", "feed_id", "consents", "suppressions", "events", "changes")
_WORDS = ("upstream", "where", "description", "owner", "label")
_OWN = ("sync_plan", "sync_members", "dbt_results")  #: what a plan, or dbt, writes to
_COPIED = "dbt_results"
_HELD = """
select count(*) as count_rows from sync_state where sync_name = $sync and (row_hash is not null or in_doubt)
"""


def prepare_engine(scratch: Scratch, warehouse: Warehouse) -> None:
    """Make the engine's tables in the scratch: they show what production's hold, and only the plan is written to.

    What dbt records of the models that it builds in the scratch takes the place of production's results there.
    """
    here = tables.relations(warehouse)
    schema = exp.Table(
        db=exp.to_identifier(warehouse.engine_schema),
        catalog=exp.to_identifier(warehouse.database) if warehouse.database else None,
    )
    warehouse.execute(exp.Create(this=schema, kind="SCHEMA", exists=True))
    for name, columns in tables.TABLES.items():
        source = scratch.production(Relation(scratch.engine(), name))
        found = {column.name for column in warehouse.columns(source)}
        if not found or (name in _OWN and name != _COPIED):
            continue
        # An earlier version of weft may have made it, with fewer columns.
        listed = [
            exp.column(column) if column in found else exp.alias_(exp.cast(exp.null(), tables.type_of(kind)), column)
            for column, kind in columns.items()
        ]
        kind = "TABLE" if name == _COPIED else "VIEW"
        rows = exp.select(*listed).from_(source.table())
        warehouse.execute(exp.Create(this=here[name].table(), kind=kind, expression=rows))
    tables.ensure(warehouse)


def last_build(scratch: Scratch, warehouse: Warehouse) -> dict[str, tuple[datetime, str]]:
    """Return for which moment production's nodes were last built, and how that ended, as far as dbt recorded it."""
    source = scratch.production(Relation(scratch.engine(), _COPIED))
    if not warehouse.columns(source):
        return {}
    rows = warehouse.query(statement("select node_id, as_of, status from results", {"results": source}))
    return {str(row["node_id"]): (row["as_of"], str(row["status"])) for row in rows}


def relocated(sync: SyncDefinition, place: Callable[[Relation], Relation]) -> SyncDefinition:
    """Return a definition whose relations are elsewhere."""
    moved = {name: place(relation) for name in _PLACES if isinstance(relation := getattr(sync, name), Relation)}
    return sync.model_copy(update=moved)


def is_redefined(before: SyncDefinition, after: SyncDefinition) -> bool:
    """Tell whether two definitions of a sync differ in what they do."""
    left_out = set(_PLACES) - {"feed_id"} | set(_WORDS)
    return before.model_dump(exclude=left_out) != after.model_dump(exclude=left_out)


def gates(sync: SyncDefinition) -> set[Relation]:
    """Return what a sync's plan reads beside the feed."""
    return {gate for gate in (sync.consents, sync.suppressions, sync.events, sync.changes) if gate is not None}


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans syncs in the scratch.

    Attributes:
        warehouse: The open scratch, with the engine's tables.
        as_of: The moment of both sides.
    """

    warehouse: Warehouse
    as_of: datetime

    def compare(self, before: Plan | str | None, sync: SyncDefinition, *, new: bool) -> Sync:
        """Return what becomes of a sync that the change reaches."""
        after, columns = self.plan(sync)
        if isinstance(after, str):
            problem = after
        else:
            problem = f"without the change: {before}" if isinstance(before, str) else ""
        return Sync(
            name=sync.name,
            label=sync.label,
            status="new" if new else "changed",
            before=before if isinstance(before, Plan) else None,
            after=after if isinstance(after, Plan) else None,
            columns=columns,
            problem=problem,
        )

    def deleted(self, sync: SyncDefinition) -> Sync:
        """Return what becomes of a sync that is gone."""
        [held] = tables.ask(self.warehouse, _HELD, sync=sync.name)
        return Sync(sync.name, sync.label, "deleted", held=int(held["count_rows"]))

    def plan(self, sync: SyncDefinition) -> tuple[Plan | str, dict[str, int]]:
        """Return the plan of a sync and how many rows it changes in each column, or why there is none."""
        destination = registry.get(sync.destination)
        try:
            feed = feeds.inspect(self.warehouse, sync, destination)
            runs.check_destination(self.warehouse, sync)
            run_id = runs.new_id(self.as_of)
            spec: Any = destination.objects[sync.object]
            plan = plans.make(self.warehouse, sync, spec, feed, run_id, self.as_of, preview=True)
            return plan, plans.changed_columns(self.warehouse, run_id)
        except WeftError as error:
            return error.what, {}
