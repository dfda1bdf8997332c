"""Conditions as people read them: what is the same for everybody, such as a date, is worked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from warehouse.base import Warehouse


def in_words(warehouse: Warehouse, expressions: Sequence[exp.Expr]) -> dict[str, str]:
    """Return expressions as SQL for people: what is the same for everybody, such as a date, is worked out."""
    constants = {part.sql(): part for expression in expressions for part in _constants(expression)}
    known: dict[str, exp.Expr] = {}
    if constants:
        asked = exp.select(*(exp.alias_(part.copy(), f"k{place}") for place, part in enumerate(constants.values())))
        [row] = warehouse.query(asked)
        known = {name: exp.convert(str(row[f"k{place}"])) for place, name in enumerate(constants)}
    found = {}
    for expression in expressions:
        shown = exp.paren(expression.copy())
        for part in list(_constants(shown)):
            part.replace(known[part.sql()])
        found[expression.sql()] = _plainly(shown.this).sql(dialect=warehouse.dialect)
    return found


def _constants(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the largest parts that are computed and hold no column."""
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        computed = isinstance(part, exp.Binary | exp.Paren | exp.Cast | exp.Func) and not isinstance(
            part, exp.Predicate | exp.AggFunc | exp.Connector | exp.Case
        )
        if isinstance(part, exp.Window):
            continue
        if computed and part.find(exp.Cast, exp.Func) and not part.find(exp.Column, exp.Query, exp.Star):
            yield part
        else:
            waiting += list(part.iter_expressions())


def _plainly(expression: exp.Expr) -> exp.Expr:
    """Return ``x is not null`` as everybody writes it."""

    def turned(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Not) and isinstance(node.this, exp.Is):
            return exp.Is(this=node.this.this, expression=exp.Not(this=node.this.expression))
        return node

    return expression.transform(turned)
