"""``sync_ledger``: append-only, one row for every answer about a row."""

from __future__ import annotations

from datetime import datetime
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
_SUMMARY = """
select op, outcome, code, count(*) as answers, min(recorded_at) as first_at, max(recorded_at) as last_at
from sync_ledger
where sync_name = $sync
group by op, outcome, code
order by answers desc, op, outcome, code
"""


def read(
    warehouse: Warehouse,
    sync: str,
    *,
    outcome: Outcome | str | None = None,
    run_id: str | None = None,
    row_key: str | None = None,
    code: str | None = None,
    since: datetime | None = None,
    where: exp.Expr | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return what is known of a sync's rows, the youngest first.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync's name.
        outcome: Only rows with this outcome.
        run_id: Only rows of this run.
        row_key: Only this row.
        code: Only rows with this code.
        since: Only answers from this moment on, in UTC.
        where: Only answers for which this holds; see :func:`reverse_etl.predicate.parse`.
        limit: Most rows to return.
    """
    filters = _filters(outcome, run_id, row_key, code, since, where)
    return _asked(warehouse, _READ, filters, sync=sync, limit=limit)


def summary(
    warehouse: Warehouse,
    sync: str,
    *,
    outcome: Outcome | str | None = None,
    run_id: str | None = None,
    row_key: str | None = None,
    code: str | None = None,
    since: datetime | None = None,
    where: exp.Expr | None = None,
) -> list[dict[str, Any]]:
    """Return how many answers there are by op, outcome and code, most first; filters as in :func:`read`."""
    return _asked(warehouse, _SUMMARY, _filters(outcome, run_id, row_key, code, since, where), sync=sync)


def _filters(
    outcome: Outcome | str | None,
    run_id: str | None,
    row_key: str | None,
    code: str | None,
    since: datetime | None,
    where: exp.Expr | None,
) -> list[exp.Expr]:
    wanted = {"outcome": str(outcome) if outcome else None, "run_id": run_id, "row_key": row_key, "code": code}
    filters: list[exp.Expr] = [
        exp.column(name).eq(exp.Literal.string(value)) for name, value in wanted.items() if value is not None
    ]
    if since is not None:
        moment = exp.cast(exp.Literal.string(since.isoformat()), "timestamp")
        filters.append(exp.GTE(this=exp.column("recorded_at"), expression=moment))
    return [*filters, where.copy()] if where is not None else filters


def _asked(warehouse: Warehouse, sql: str, filters: list[exp.Expr], **values: Any) -> list[dict[str, Any]]:
    if not tables.exist(warehouse):
        return []
    query = cast("exp.Select", statement(sql, tables.relations(warehouse), **values))
    return warehouse.query(query.where(*filters) if filters else query)
