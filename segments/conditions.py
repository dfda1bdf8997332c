"""A segment's SQL taken apart: its steps from top to bottom, and the conditions that each puts on a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

PERSON = "profile_id"
_PASSING_ON = ("where", "group", "having", "qualify", "joins", "distinct")
_EVERY = "all"
_SOME = "any"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that has to hold.

    Attributes:
        expression: As it stands in the SQL.
        needs: ``all`` or ``any`` of ``parts`` have to hold; empty for one that has no parts.
        parts: What it is made of.
        kind: ``where``, ``join``, ``having`` or ``qualify``.
    """

    expression: exp.Expr
    needs: str = ""
    parts: tuple[Condition, ...] = ()
    kind: str = "where"

    def leaves(self) -> Iterator[Condition]:
        """Yield the conditions that have no parts, from left to right."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def columns(self) -> list[exp.Column]:
        """Return the columns of the step that it looks at, each once; those of a query inside it are its own affair."""
        inner = {id(column) for query in self.expression.find_all(exp.Query) for column in query.find_all(exp.Column)}
        found: dict[str, exp.Column] = {}
        for column in self.expression.find_all(exp.Column):
            if id(column) not in inner:
                found.setdefault(column.sql(), column)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Step:
    """One query of the segment: a CTE, one branch of a union, or the last select.

    Attributes:
        name: The CTE's name, with a number where it is a union; ``result`` for the last select.
        query: The query.
        before: The CTEs that it may read.
        conditions: What it asks of a person or of a person's rows.
        made: Columns that it computes and that a later condition looks at, with their expressions.
    """

    name: str
    query: exp.Select
    before: tuple[exp.CTE, ...]
    conditions: tuple[Condition, ...]
    made: dict[str, exp.Expr] = field(default_factory=dict)

    @property
    def person(self) -> exp.Expr | None:
        """The person of a row; nothing where the step is not about single people."""
        for selected in self.query.selects:
            if selected.alias_or_name.lower() == PERSON:
                return selected.unalias()
        if any(isinstance(selected, exp.Star) or selected.is_star for selected in self.query.selects):
            table = self.query.args["from_"].this.alias_or_name
            return exp.column(PERSON, table=table)
        return None

    @property
    def reads(self) -> list[exp.Table]:
        """The tables and CTEs that it reads, without those of queries inside its conditions."""
        sources = [self.query.args["from_"].this] if self.query.args.get("from_") else []
        sources += [join.this for join in self.query.args.get("joins") or ()]
        return [source for source in sources if isinstance(source, exp.Table)]


def take_apart(sql: str, dialect: str) -> list[Step]:
    """Return the steps of a query that have a say in who is in its result, in the order in which they are written.

    Args:
        sql: The compiled SQL of a segment.
        dialect: The dialect that it is written in. On DuckDB the names of databases are left out, as the file that is
            open is the database.
    """
    tree = sqlglot.parse_one(sql, dialect=dialect)
    if dialect == "duckdb":
        for table in tree.find_all(exp.Table):
            table.set("catalog", None)
    ctes = tuple(tree.args["with_"].expressions) if tree.args.get("with_") else ()
    used = _used(tree, ctes)
    steps: list[Step] = []
    for place, cte in enumerate(ctes):
        if cte.alias in used:
            steps += _steps(cte.alias, cte.this, ctes[:place])
    last = tree.copy()
    last.set("with_", None)
    steps += _steps("result", last, ctes)
    return _with_made([step for step in steps if not _only_passes_on(step)])


def _used(tree: exp.Expr, ctes: Sequence[exp.CTE]) -> set[str]:
    """Return the names of the CTEs that the last select stands on."""
    by_name = {cte.alias: cte.this for cte in ctes}
    last = tree.copy()
    last.set("with_", None)
    found: set[str] = set()
    waiting: list[exp.Expr] = [last]
    while waiting:
        for table in waiting.pop().find_all(exp.Table):
            if not table.db and table.name in by_name and table.name not in found:
                found.add(table.name)
                waiting.append(by_name[table.name])
    return found


def _steps(name: str, query: exp.Expr, before: tuple[exp.CTE, ...]) -> list[Step]:
    branches = list(_branches(query))
    names = [name] if len(branches) == 1 else [f"{name}, part {number}" for number in range(1, len(branches) + 1)]
    return [Step(one, branch, before, tuple(_conditions(branch))) for one, branch in zip(names, branches, strict=True)]


def _branches(query: exp.Expr) -> Iterator[exp.Select]:
    if isinstance(query, exp.SetOperation):
        yield from _branches(query.left)
        yield from _branches(query.right)
    elif isinstance(query, exp.Subquery):
        yield from _branches(query.this)
    elif isinstance(query, exp.Select):
        yield query


def _conditions(query: exp.Select) -> Iterator[Condition]:
    for join in query.args.get("joins") or ():
        missing = _has_no_partner(join)
        if missing is not None:
            yield Condition(missing, kind="join")
    for kind in ("where", "having", "qualify"):
        clause = query.args.get(kind)
        if clause is not None:
            for each in _flat(clause.this, exp.And):
                yield _tree(each, kind)


def _tree(expression: exp.Expr, kind: str) -> Condition:
    bare = expression.unnest()
    for node, needs in ((exp.And, _EVERY), (exp.Or, _SOME)):
        if isinstance(bare, node):
            return Condition(bare, needs, tuple(_tree(each, kind) for each in _flat(bare, node)), kind)
    return Condition(bare, kind=kind)


def _flat(expression: exp.Expr, node: type[exp.Connector]) -> list[exp.Expr]:
    bare = expression.unnest()
    if not isinstance(bare, node):
        return [bare]
    return [*_flat(bare.left, node), *_flat(bare.right, node)]


def _has_no_partner(join: exp.Join) -> exp.Expr | None:
    """Return the condition that an inner join is: that the other side has a row."""
    if join.side or join.kind not in ("", "INNER"):
        return None
    name = join.this.alias_or_name
    for equal in join.args["on"].find_all(exp.EQ) if join.args.get("on") else ():
        for side in (equal.left, equal.right):
            if isinstance(side, exp.Column) and side.table == name:
                return side.copy().is_(exp.null()).not_()
    using = join.args.get("using")
    return exp.column(using[0].name, table=name).is_(exp.null()).not_() if using else None


def _only_passes_on(step: Step) -> bool:
    """Tell whether a step is an import or the closing ``select *``: it has no say."""
    return not any(step.query.args.get(part) for part in _PASSING_ON) and any(
        selected.is_star for selected in step.query.selects
    )


def _with_made(steps: list[Step]) -> list[Step]:
    """Note in each step the columns that it computes and a later condition looks at."""
    wanted: set[str] = set()
    kept = []
    for step in reversed(steps):
        made = {
            selected.alias_or_name: selected.unalias()
            for selected in step.query.selects
            if selected.alias_or_name in wanted and not isinstance(selected.unalias(), exp.Column | exp.Star)
        }
        for condition in step.conditions:
            wanted |= {column.name for leaf in condition.leaves() for column in leaf.columns()}
        wanted |= {column.name for expression in made.values() for column in expression.find_all(exp.Column)}
        kept.append(Step(step.name, step.query, step.before, step.conditions, made))
    return kept[::-1]
