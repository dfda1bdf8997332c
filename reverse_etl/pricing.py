"""What a plan costs: calls and minutes by the destination's limits, and units where the vendor bills by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import ObjectSpec
from reverse_etl.feed import Feed
from reverse_etl.rows import Op
from warehouse.base import Warehouse
from warehouse.sql import json_field, statement, text

# A list of changed columns ends every name with a comma. The key names the record, and is no attribute that is billed.
_UNITS = """
select coalesce(sum(case
    when op = 'change' and $sends_changes then length(changed_columns) - length(replace(changed_columns, ',', ''))
        - case when concat(',', changed_columns) like $key then 1 else 0 end
    else $filled
end), 0) as units
from sync_plan where run_id = $run_id and op in ('add', 'change')
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a plan sends with one op.

    Attributes:
        rows: How many rows.
        characters: Length of their payloads as JSON, which is about what the calls' bodies hold.
    """

    rows: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What a plan costs.

    Attributes:
        api_calls: Calls to the destination.
        minutes: How long they take at the pace that the vendor allows.
        billed_units: Attributes that are sent, where the vendor bills for each; else nothing.
    """

    api_calls: int
    minutes: float
    billed_units: int | None


def price(
    warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, feed: Feed, run_id: str, loads: Mapping[Op, Load]
) -> Price:
    """Return what the stored plan of a run costs."""
    calls = {op: _calls(spec, op, load, sync.batch_rows) for op, load in loads.items()}
    minutes = sum(count / spec.limits[op].calls_per_second / 60 for op, count in calls.items() if count)
    units = _units(warehouse, sync, spec, feed, run_id) if spec.billed_per_attribute else None
    return Price(sum(calls.values()), round(minutes, 2), units)


def _calls(spec: ObjectSpec, op: Op, load: Load, batch_rows: int | None) -> int:
    """Return how many calls so many rows take, going by the payload: a body is of about its size."""
    if not load.rows:
        return 0
    limits = spec.limits[op]
    return max(ceil(load.rows / min(limits.rows, batch_rows or limits.rows)), ceil(load.characters / limits.bytes))


def _units(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, feed: Feed, run_id: str) -> int:
    filled: exp.Expr = exp.Literal.number(0)
    for column in feed.columns:
        if column.name != sync.key:
            value = text(json_field(exp.column("payload"), column.name, warehouse.dialect))
            # DuckDB gives the word null for an empty field, Snowflake gives none.
            empty = exp.func("coalesce", value, exp.Literal.string("null")).eq("null")
            filled = exp.Add(this=filled, expression=exp.case().when(empty, "0").else_("1"))
    query = statement(
        _UNITS,
        tables.relations(warehouse),
        run_id=run_id,
        sends_changes=spec.sends_changes,
        key=f"%,{sync.key},%",
        filled=filled,
    )
    [found] = warehouse.query(cast("exp.Select", query))
    return int(found["units"])
