"""The source rows behind a segment: the events that a trait counts, and where a value of a profile came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from segments.why import Explained, Verdict
from warehouse.base import Relation, Warehouse
from warehouse.manifest import Manifest
from warehouse.sql import statement

EVENTS, CONSENTS, SOURCES = "profile_events", "profile_consents", "profile_sources"
SHOWN = 5  #: events that are listed for one column; all are counted
_EVENT = "event_name"
_DEPTH = 12
_COUNT = """
select count(*) as count_events from profile_events
where profile_id = $person and $named and occurred_at <= cast($as_of as timestamp)
"""
_NEWEST = """
select event_id, source, event_name, occurred_at, received_at from profile_events
where profile_id = $person and $named and occurred_at <= cast($as_of as timestamp)
order by occurred_at desc, event_id limit $shown
"""
_DECIDED = "select purpose, status, decided_at from profile_consents where profile_id = $person order by purpose"
_SAID = "select attribute, value, source, observed_at from profile_sources where profile_id = $person"


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind one column that a condition looks at.

    Attributes:
        columns: The published columns, each with its table and a dot, that have the same rows behind them.
        what: ``events``, ``consents`` or ``statement``.
        count: How many rows there are.
        rows: The newest of them.
    """

    columns: tuple[str, ...]
    what: str
    count: int
    rows: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "columns": list(self.columns),
            "what": self.what,
            "count": self.count,
            "rows": [dict(row) for row in self.rows],
        }


def evidence(
    warehouse: Warehouse,
    manifest: Manifest,
    models: Mapping[str, str],
    steps: Sequence[Explained],
    person: str,
    as_of: datetime,
) -> list[Behind]:
    """Return the rows behind every column that a condition of the segment looks at.

    Args:
        warehouse: Where the rows are.
        manifest: The project.
        models: Compiled SQL, by dbt's id of the model.
        steps: The explained segment.
        person: The person's ``profile_id``.
        as_of: The moment of the explanation; later events are left out.
    """
    traced = _Traced(manifest, models, warehouse.dialect)
    tables = {name: node.relation for name in (EVENTS, CONSENTS, SOURCES) if (node := manifest.model(name))}
    there = {name: relation for name, relation in tables.items() if warehouse.columns(relation)}
    said = {row["attribute"]: row for row in _ask(warehouse, there, SOURCES, _SAID, person=person)}
    found: list[Behind] = []
    grouped: dict[tuple[str, ...], list[str]] = {}
    for table, column in dict.fromkeys(origin for step in steps for origin in _origins(step.verdicts)):
        name = f"{table}.{column}"
        if table == "profiles" and column in said:
            found.append(Behind((name,), "statement", 1, (said[column],)))
            continue
        reached = traced.column(table, column)
        if reached.events:
            grouped.setdefault(tuple(sorted(reached.events)), []).append(name)
        elif CONSENTS in reached.tables:
            rows = _ask(warehouse, there, CONSENTS, _DECIDED, person=person)
            found.append(Behind((name,), "consents", len(rows), tuple(rows)))
    for events, columns in grouped.items():
        values = {"person": person, "as_of": as_of.isoformat(sep=" "), "named": exp.column(_EVENT).isin(*events)}
        [counted] = _ask(warehouse, there, EVENTS, _COUNT, **values) or [{"count_events": 0}]
        rows = _ask(warehouse, there, EVENTS, _NEWEST, shown=SHOWN, **values)
        found.append(Behind(tuple(columns), "events", int(counted["count_events"]), tuple(rows)))
    return found


def _ask(
    warehouse: Warehouse, there: Mapping[str, Relation], table: str, sql: str, **values: Any
) -> list[dict[str, Any]]:
    return warehouse.query(statement(sql, there, **values)) if table in there else []


def _origins(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    for verdict in verdicts:
        yield from verdict.origins.values()
        yield from _origins(verdict.parts)


@dataclass(frozen=True, slots=True)
class _Reached:
    events: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()


class _Traced:
    """Follows a column up through the models, and notes the events that its expressions name.

    So a trait is understood whoever wrote it, and however.
    """

    def __init__(self, manifest: Manifest, models: Mapping[str, str], dialect: str) -> None:
        self._dialect = dialect
        self._sql = {node.name: models[node.unique_id] for node in manifest.nodes.values() if node.unique_id in models}
        self._trees: dict[str, exp.Expr] = {}

    def column(self, table: str, column: str) -> _Reached:
        """Return what stands behind a column of a model."""
        events: set[str] = set()
        tables: set[str] = set()
        seen: set[tuple[str, str, str]] = set()
        waiting: list[tuple[str, str, str, int]] = [(table, "", column, 0)]
        while waiting:
            model, cte, name, depth = waiting.pop()
            if (model, cte, name) in seen or depth > _DEPTH:
                continue
            seen.add((model, cte, name))
            tables.add(model)
            if model in (EVENTS, CONSENTS) or model not in self._sql:
                continue
            for query in self._queries(model, cte):
                for expression in _defining(query, name):
                    events |= _named_events(expression)
                    for used in expression.find_all(exp.Column):
                        waiting += [(*place, used.name, depth + 1) for place in self._sources(model, query, used)]
        return _Reached(frozenset(events), frozenset(tables))

    def _tree(self, model: str) -> exp.Expr:
        if model not in self._trees:
            try:
                self._trees[model] = sqlglot.parse_one(self._sql[model], dialect=self._dialect)
            except SqlglotError:  # what it cannot read, it does not follow: the conditions themselves are shown anyway
                self._trees[model] = exp.select()
        return self._trees[model]

    def _ctes(self, model: str) -> dict[str, exp.Expr]:
        return {cte.alias: cte.this for cte in self._tree(model).find_all(exp.CTE)}

    def _queries(self, model: str, cte: str) -> list[exp.Select]:
        tree = self._ctes(model).get(cte) if cte else self._tree(model)
        if isinstance(tree, exp.Select):
            return [tree]
        return (
            [side for side in (tree.left, tree.right) if isinstance(side, exp.Select)]
            if isinstance(tree, exp.SetOperation)
            else []
        )

    def _sources(self, model: str, query: exp.Select, column: exp.Column) -> Iterator[tuple[str, str]]:
        """Yield the models and CTEs that a column of a query may come from."""
        from_ = query.args.get("from_")
        sources = [from_.this] if from_ else []
        sources += [join.this for join in query.args.get("joins") or ()]
        for source in sources:
            if isinstance(source, exp.Table) and (not column.table or source.alias_or_name == column.table):
                yield (model, source.name) if not source.db and source.name in self._ctes(model) else (source.name, "")


def _defining(query: exp.Select, name: str) -> Iterator[exp.Expr]:
    for selected in query.selects:
        if selected.alias_or_name.lower() == name.lower():
            yield selected.unalias()
        elif selected.is_star:
            yield exp.column(name, table=selected.args.get("table") if isinstance(selected, exp.Column) else None)


def _named_events(expression: exp.Expr) -> set[str]:
    """Return the event names that an expression compares ``event_name`` with."""
    found: set[str] = set()
    for compared in expression.find_all(exp.EQ, exp.In):
        sides = [compared.this, *(compared.expressions if isinstance(compared, exp.In) else [compared.expression])]
        if any(isinstance(side, exp.Column) and side.name.lower() == _EVENT for side in sides):
            found |= {side.name for side in sides if isinstance(side, exp.Literal) and side.is_string}
    return found
