"""``sync_ledger``: append-only, one row for every answer about a row."""

from __future__ import annotations

from typing import Any, cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.rows import Outcome
from warehouse.base import Warehouse
from warehouse.sql import statement

_READ = """
select run_id, batch_id, row_key, op, outcome, code, reason, job_id, destination_id, row_hash, recorded_at
from sync_ledger
where sync_name = $sync
order by recorded_at desc, batch_id desc, row_key
limit $limit
"""


def read(
    warehouse: Warehouse,
    sync: str,
    *,
    outcome: Outcome | str | None = None,
    run_id: str | None = None,
    row_key: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return what is known of a sync's rows, the youngest first.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync's name.
        outcome: Only rows with this outcome.
        run_id: Only rows of this run.
        row_key: Only this row.
        limit: Most rows to return.
    """
    if not tables.exist(warehouse):
        return []
    query = cast("exp.Select", statement(_READ, tables.relations(warehouse), sync=sync, limit=limit))
    wanted = {"outcome": str(outcome) if outcome else None, "run_id": run_id, "row_key": row_key}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(exp.column(column).eq(exp.Literal.string(value)))
    return warehouse.query(query)
