"""``sync_ledger``: append-only, one row for every answer about a row."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Filters:
    """Which answers to look at; all of them unless something is said.

    Attributes:
        outcome: Only rows with this outcome.
        run_id: Only rows of this run.
        row_key: Only this row.
        code: Only rows with this code.
        since: Only answers from this moment on, in UTC.
        where: Only answers for which this holds; see :func:`reverse_etl.predicate.parse`.
    """

    outcome: Outcome | str | None = None
    run_id: str | None = None
    row_key: str | None = None
    code: str | None = None
    since: datetime | None = None
    where: exp.Expr | None = None

    def conditions(self) -> list[exp.Expr]:
        """Return what has to hold of a line."""
        wanted = {
            "outcome": str(self.outcome) if self.outcome else None,
            "run_id": self.run_id,
            "row_key": self.row_key,
            "code": self.code,
        }
        found: list[exp.Expr] = [
            exp.column(name).eq(exp.Literal.string(value)) for name, value in wanted.items() if value is not None
        ]
        if self.since is not None:
            moment = exp.cast(exp.Literal.string(self.since.isoformat()), "timestamp")
            found.append(exp.GTE(this=exp.column("recorded_at"), expression=moment))
        return [*found, self.where.copy()] if self.where is not None else found


def read(warehouse: Warehouse, sync: str, filters: Filters | None = None, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return what is known of a sync's rows, the youngest answer first, at most ``limit``."""
    return _asked(warehouse, _READ, filters, sync=sync, limit=limit)


def summary(warehouse: Warehouse, sync: str, filters: Filters | None = None) -> list[dict[str, Any]]:
    """Return how many answers there are by op, outcome and code, most first."""
    return _asked(warehouse, _SUMMARY, filters, sync=sync)


def _asked(warehouse: Warehouse, sql: str, filters: Filters | None, **values: Any) -> list[dict[str, Any]]:
    if not tables.exist(warehouse):
        return []
    query = cast("exp.Select", statement(sql, tables.relations(warehouse), **values))
    conditions = filters.conditions() if filters else []
    return warehouse.query(query.where(*conditions) if conditions else query)
