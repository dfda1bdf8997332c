"""Which published column stands behind a column of a segment's SQL."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from segments.conditions import Step


class Origins:
    """Which column of a published table each column of the SQL is.

    Args:
        sql: The segment's compiled SQL.
        dialect: Its dialect.
    """

    def __init__(self, sql: str, dialect: str) -> None:
        tree = sqlglot.parse_one(sql, dialect=dialect)
        self._ctes = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}

    def of(self, step: Step, column: exp.Column) -> tuple[str, str] | None:
        """Return the table and column that a column of a step comes from, if it is one as it stands."""
        return self._follow(step.query, column.name, column.table, depth=0)

    def _follow(self, query: exp.Expr, name: str, table: str, depth: int) -> tuple[str, str] | None:
        if not isinstance(query, exp.Select) or not query.args.get("from_") or depth > 20:
            return None
        sources = [query.args["from_"].this, *(join.this for join in query.args.get("joins") or ())]
        for source in sources:
            if not isinstance(source, exp.Table) or (table and source.alias_or_name != table):
                continue
            if not table and len(sources) > 1:
                return None
            if source.db or source.name not in self._ctes:
                return source.name, name
            inner = self._ctes[source.name]
            if not isinstance(inner, exp.Select):
                return None
            for selected in inner.selects:
                bare = selected.unalias()
                if selected.alias_or_name == name and isinstance(bare, exp.Column):
                    return self._follow(inner, bare.name, bare.table, depth + 1)
                if selected.is_star:
                    return self._follow(inner, name, "", depth + 1)
        return None
