"""What a query yields: common table expressions, unions, joins and subqueries, in DuckDB's dialect and Snowflake's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lineage.expressions import Expressions
from lineage.shapes import (
    Branch,
    Counter,
    How,
    Value,
    as_one,
    fewer,
    narrowed,
    reading_of,
    reread,
    together,
    untraced,
)
from lineage.syntax import children, equalities, name_of_item, where_it_stopped


class Unreadable(Exception):
    """A query that cannot be followed; its text says why."""


class Table(NamedTuple):
    """A relation that a query reads.

    Attributes:
        node: dbt's id.
        columns: The columns that are known.
        is_open: Whether it may have others.
    """

    node: str
    columns: Sequence[str]
    is_open: bool


def read_query(sql: str, dialect: str, tables: Callable[[exp.Table], Table | None]) -> list[Branch]:
    """Return what a query yields.

    Args:
        sql: The query, as dbt compiled it.
        dialect: The warehouse's.
        tables: Finds the relation that a table of the query is.

    Raises:
        Unreadable: It is no query, or one that cannot be followed.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except SqlglotError as error:
        raise Unreadable(f"its SQL cannot be parsed: {where_it_stopped(error)}") from None
    if not isinstance(tree, exp.Query):
        raise Unreadable("its SQL is not a query")
    return Reader(tables).query(tree)


@dataclass
class Reader:
    """Reads one query, and the queries in it.

    Attributes:
        tables: Finds the relation that a table of the query is.
        known: The common table expressions that can be read here.
        numbers: Numbers the readings of relations.
    """

    tables: Callable[[exp.Table], Table | None]
    known: Mapping[str, list[Branch]] = field(default_factory=dict)
    numbers: Counter = field(default_factory=Counter)

    def query(self, node: exp.Expr, outer: Expressions | None = None) -> list[Branch]:
        """Return what a query yields, branch by branch."""
        here = self._with(node, outer)
        if isinstance(node, exp.Subquery):
            return _renamed(here.query(node.this, outer), node.args.get("alias"))
        if isinstance(node, exp.SetOperation):
            return here._union(node, outer)
        if isinstance(node, exp.Select):
            return here._select(node, outer)
        if isinstance(node, exp.Values):
            return [here._values(node)]
        if isinstance(node, exp.Table):
            return here._relation(node, outer)
        raise Unreadable(f"it holds a {node.key}, which lineage does not follow")

    def _with(self, node: exp.Expr, outer: Expressions | None) -> Reader:
        within = node.args.get("with_")
        if within is None:
            return self
        here = replace(self, known=dict(self.known))
        for cte in within.expressions:
            name = cte.alias.lower()
            if within.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
                here.known = {**here.known, name: _renamed(here.query(cte.this.this, outer), cte.args["alias"])}
            here.known = {**here.known, name: fewer(_renamed(here.query(cte.this, outer), cte.args["alias"]))}
        return here

    def _union(self, node: exp.SetOperation, outer: Expressions | None) -> list[Branch]:
        left = self.query(node.this, outer)
        if isinstance(node, exp.Except):
            return left
        names = list(left[0].columns) if left else []
        found = list(left)
        for branch in self.query(node.expression, outer):
            if not node.args.get("by_name"):
                if len(branch.columns) != len(names) and not (branch.open or any(one.open for one in left)):
                    raise Unreadable("it puts queries of different columns together")
                branch = replace(branch, columns=dict(zip(names, branch.columns.values(), strict=False)))
            found.append(branch)
        return fewer(found)

    def _select(self, node: exp.Select, outer: Expressions | None) -> list[Branch]:
        if node.args.get("pivots"):
            raise Unreadable("it pivots, which lineage does not follow")
        where = node.args["where"].this if node.args.get("where") else None
        read, conditions = self._sources(node, outer)
        conditions += [node.args[name].this for name in ("where", "qualify", "having") if node.args.get(name)]
        there = [one for environment in read if (one := Expressions(self, environment, outer).where(where)) is not None]
        if not there:  # it has no rows, but columns all the same
            none = self._projected(node, Expressions(self, read[0], outer), conditions)
            return [Branch(dict.fromkeys(none.columns, Value()))]
        peers = [one.environment for one in there]
        return fewer(
            [
                self._projected(node, replace(one, peers=peers, own=number, aliases={}), conditions)
                for number, one in enumerate(there)
            ]
        )

    def _projected(self, node: exp.Select, here: Expressions, conditions: Sequence[exp.Expr]) -> Branch:
        columns: dict[str, Value] = {}
        opened: frozenset[tuple[str, int]] = frozenset()
        shared = {name.name.lower() for join in node.args.get("joins") or () for name in join.args.get("using") or ()}
        for item in node.expressions:
            star = item.this if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else item
            if isinstance(star, exp.Star):
                branches = _starred(item, here)
                for name, value in self._star(star, branches, here):
                    if name in columns and name in shared:
                        columns[name] = together([columns[name], value])
                    else:
                        columns[_unlike(name, columns)] = value
                opened = opened.union(*(branch.open for branch in branches))
            elif isinstance(item, exp.Columns):
                raise Unreadable("it selects COLUMNS(…), whose names only the warehouse knows")
            else:
                name = name_of_item(item)
                columns[_unlike(name, columns)] = here.aliases[name] = here.value(item)
        rows = here.derived(conditions).origins.union(*(branch.rows for branch in here.environment.values()))
        return Branch(columns, rows, opened)

    def _star(self, star: exp.Star, branches: Sequence[Branch], here: Expressions) -> Iterator[tuple[str, Value]]:
        left_out = {one.name.lower() for one in star.args.get("except_") or ()}
        replaced = {one.alias.lower(): here.value(one.this) for one in star.args.get("replace") or ()}
        renamed = {one.this.name.lower(): one.alias.lower() for one in star.args.get("rename") or ()}
        for branch in branches:
            for name, value in branch.columns.items():
                if name not in left_out:
                    yield renamed.get(name, name), replaced.get(name, value)

    def _sources(self, node: exp.Select, outer: Expressions | None) -> tuple[list[dict[str, Branch]], list[exp.Expr]]:
        """Return each combination of the branches of what a ``select`` reads, and the conditions of its joins."""
        first = node.args.get("from_")
        joins = list(node.args.get("joins") or ())
        laterals = list(node.args.get("laterals") or ())
        if first is None and not laterals:
            return [{}], []
        named: list[tuple[str, list[Branch], exp.Join | None]] = []
        for item, join in [
            *([(first.this, None)] if first is not None else []),
            *((join.this, join) for join in joins),
            *((lateral, None) for lateral in laterals),
        ]:
            seen = Expressions(self, {name: as_one(branches) for name, branches, _ in named}, outer)
            branches = self._relation(item, seen)
            if join is not None:
                branches = [one for branch in branches if (one := _joined(branch, item, join)) is not None]
            named.append((item.alias_or_name.lower() or f"_{len(named)}", branches, join))
        while _combinations(named) > MOST_COMBINATIONS:
            widest = max(range(len(named)), key=lambda number: len(named[number][1]))
            name, branches, join = named[widest]
            named[widest] = (name, [as_one(branches)], join)
        conditions = [on for _, _, join in named if join is not None and (on := join.args.get("on")) is not None]
        names = [name for name, _, _ in named]
        chosen = product(*(branches or [Branch({})] for _, branches, _ in named))
        return [dict(zip(names, combination, strict=True)) for combination in chosen], conditions

    def _relation(self, node: exp.Expr, outer: Expressions | None) -> list[Branch]:
        if node.args.get("pivots"):
            raise Unreadable("it pivots, which lineage does not follow")
        alias = node.args.get("alias")
        if isinstance(node, exp.Table):
            return _renamed(self._table(node, outer), alias)
        if isinstance(node, exp.Subquery):
            return self.query(node, outer)
        if isinstance(node, exp.Values):
            return _renamed([self._values(node)], alias)
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            return _renamed(self.query(node.this.this, outer), alias)
        return [self._unnested(node, outer)]

    def _table(self, node: exp.Table, outer: Expressions | None) -> list[Branch]:
        if not node.db and isinstance(node.this, exp.Identifier) and node.name.lower() in self.known:
            return [reread(branch, self.numbers) for branch in self.known[node.name.lower()]]
        table = self.tables(node)
        if table is not None:
            return [reading_of(table.node, table.columns, self.numbers.next(), is_open=table.is_open)]
        if isinstance(node.this, exp.Func) and not node.this.key.startswith("read"):
            return [self._unnested(node.this, outer)]
        bare = exp.Table(**{**node.args, "alias": None}).sql()
        return [Branch({}, anything=untraced(f"{bare}, which is neither a model, a seed nor a source"))]

    def _unnested(self, node: exp.Expr, outer: Expressions | None) -> Branch:
        """Return what a function of the ``from`` clause yields: every column comes from all that it is given."""
        follow = outer or Expressions(self, {})
        given = [part for part in children(node) if not isinstance(part, exp.TableAlias)]
        value = together([follow.value(part) for part in given]).converted()
        alias = node.args.get("alias")
        names = [name.name.lower() for name in alias.columns] if isinstance(alias, exp.TableAlias) else []
        return Branch(dict.fromkeys(names, value), value.at_least(How.DERIVED).origins, anything=value)

    def _values(self, node: exp.Values) -> Branch:
        follow, columns = Expressions(self, {}), dict[str, Value]()
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        for number, parts in enumerate(zip(*rows, strict=False)):
            columns[f"column{number + 1}"] = together([follow.value(part) for part in parts])
        [renamed] = _renamed([Branch(columns)], node.args.get("alias"))
        return renamed


MOST_COMBINATIONS = 64


def _combinations(named: Sequence[tuple[str, list[Branch], exp.Join | None]]) -> int:
    total = 1
    for _, branches, _ in named:
        total *= max(1, len(branches))
    return total


def _joined(branch: Branch, item: exp.Expr, join: exp.Join) -> Branch | None:
    """Return the joined branch where the join's own condition holds; nothing where no row of it is ever joined."""
    on = join.args.get("on")
    if on is None or str(join.side).upper() in ("RIGHT", "FULL"):
        return branch
    name = item.alias_or_name.lower()
    current: Branch | None = branch
    for column, allowed in equalities(on):
        if current is not None and column.table.lower() == name:
            current = narrowed(current, column.name.lower(), allowed)
    if current is None and str(join.side).upper() == "LEFT":
        return Branch(dict.fromkeys(branch.columns, Value()))
    return current


def _starred(item: exp.Expr, here: Expressions) -> list[Branch]:
    if isinstance(item, exp.Column):
        name = item.table.lower()
        if name not in here.environment:
            raise Unreadable(f"it selects {name}.*, and reads nothing of that name")
        return [here.environment[name]]
    return list(here.environment.values())


def _renamed(branches: list[Branch], alias: exp.Expr | None) -> list[Branch]:
    """Return branches whose columns a table's alias gives other names."""
    names = [name.name.lower() for name in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if not names:
        return branches
    renamed = []
    for branch in branches:
        old = list(branch.columns)
        columns = {
            names[number] if number < len(names) else name: branch.columns[name] for number, name in enumerate(old)
        }
        renamed.append(replace(branch, columns=columns))
    return renamed


def _unlike(name: str, columns: Mapping[str, Value]) -> str:
    """Return a name that no column has yet: those of a union count by their place, whatever they are called."""
    numbered, number = name, 0
    while numbered in columns:
        number += 1
        numbered = f"{name}_{number}"
    return numbered
