"""Predicates over the ledger that a person types: read, checked, and built anew from what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

import sqlglot
from sqlglot import exp

from reverse_etl import tables
from reverse_etl.clock import utc
from reverse_etl.errors import ConfigError

_MOST = 5_000  # characters; what a person types is shorter
_COLUMNS = {name: kind for name, kind in tables.TABLES["sync_ledger"].items() if name != "sync_name"}
_JOINS = (exp.And, exp.Or)
_ORDERED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_LIKE = (exp.Like, exp.ILike)
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMPNTZ")
_POSSIBLE = (
    "compare columns of the ledger with text in single quotes, numbers or timestamp '2026-07-01', by =, <>, <, <=, >, "
    ">=, in, like, ilike, between, is null, with lower() and upper(), joined by and, or, not; "
    f"the columns are: {', '.join(_COLUMNS)}"
)


def parse(text: str, where: str = "--where") -> exp.Expr:
    """Return a predicate over the columns of ``sync_ledger``, ready to be put into a statement.

    Messages never repeat a value that it holds: that may be somebody's e-mail address.

    Args:
        text: For example ``outcome = 'permanent' and code = 'invalid'``, in DuckDB's dialect.
        where: The option or field that it was read from, for the message.

    Raises:
        ConfigError: It is not a predicate, or asks for anything but the ledger's columns.
    """
    if len(text) > _MOST:
        raise _wrong(f"The predicate is longer than {_MOST:,} characters", where)
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
        if len(trees) != 1 or trees[0] is None:
            raise _wrong("The predicate is not one condition", where)
        return exp.paren(_Reader(where).condition(trees[0]), copy=False)
    except sqlglot.errors.SqlglotError as error:
        raise _wrong(f"The predicate cannot be read{_place(error)}", where) from None
    except RecursionError:
        raise _wrong("The predicate is nested too deeply", where) from None


class _Reader:
    """Builds a predicate anew, so that nothing comes through but what is named here."""

    def __init__(self, where: str) -> None:
        self.where = where

    def condition(self, node: exp.Expr) -> exp.Expr:
        """Return a condition: true, false or, where a column is null, neither."""
        if isinstance(node, exp.Paren):
            return exp.Paren(this=self.condition(node.this))
        if isinstance(node, exp.Not):
            return exp.Not(this=self.condition(node.this))
        if isinstance(node, _JOINS):
            return type(node)(this=self.condition(node.this), expression=self.condition(node.expression))
        if isinstance(node, exp.Boolean):
            return exp.Boolean(this=bool(node.this))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return exp.Is(this=self.values([node.this])[0], expression=exp.null())
        if isinstance(node, _LIKE):
            this, like = self.values([node.this, node.expression], only="varchar")
            made = type(node)(this=this, expression=like)
            return exp.Not(this=made) if node.args.get("negate") else made
        if isinstance(node, _ORDERED):
            this, other = self.values([node.this, node.expression])
            return type(node)(this=this, expression=other)
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            this, low, high = self.values([node.this, node.args["low"], node.args["high"]])
            return exp.Between(this=this, low=low, high=high)
        if isinstance(node, exp.In) and node.expressions and not node.args.get("query"):
            this, *listed = self.values([node.this, *node.expressions])
            return exp.In(this=this, expressions=listed)
        raise self.refused(node)

    def values(self, nodes: Sequence[exp.Expr], only: str = "") -> list[exp.Expr]:
        """Return what is compared with each other: all of one kind."""
        kinds = {_kind(node) for node in map(_inner, nodes)} - {""}
        kind = only or (kinds.pop() if len(kinds) == 1 else "varchar" if not kinds else "")
        if not kind or kinds - {kind}:
            raise _wrong("The predicate compares columns of different kinds", self.where)
        return [self.value(node, kind) for node in nodes]

    def value(self, node: exp.Expr, kind: str) -> exp.Expr:
        """Return one side of a comparison with a column of a kind."""
        if isinstance(node, exp.Paren):
            return self.value(node.this, kind)
        if isinstance(node, exp.Column):
            return self.column(node)
        if isinstance(node, exp.Lower | exp.Upper) and kind == "varchar":
            return type(node)(this=self.value(node.this, kind))
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return exp.Neg(this=self.value(node.this, kind))
        if isinstance(node, exp.Cast) and node.to.this.name in _MOMENTS and isinstance(node.this, exp.Literal):
            return self.value(node.this, kind) if kind == "timestamp" else self.mismatch(kind)
        if not isinstance(node, exp.Literal):
            raise self.refused(node)
        if kind == "timestamp" and node.is_string:
            return _moment(node.name) or self.mismatch(kind)
        if node.is_string is not (kind == "varchar"):
            return self.mismatch(kind)
        return exp.Literal(this=node.name, is_string=node.is_string)

    def column(self, node: exp.Column) -> exp.Expr:
        """Return a column of the ledger."""
        name = node.name.lower()
        if node.table or name not in _COLUMNS:
            close = get_close_matches(name, _COLUMNS, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise _wrong("The predicate names a column that the ledger does not have", self.where, hint)
        return exp.column(name)

    def mismatch(self, kind: str) -> exp.Expr:
        """Refuse a value that is not of its column's kind."""
        wanted = {"varchar": "text in single quotes", "timestamp": "a moment such as '2026-07-01 12:00:00'"}
        raise _wrong(f"The predicate needs {wanted.get(kind, 'a number')} in a comparison", self.where)

    def refused(self, node: exp.Expr) -> ConfigError:
        """Return why something is not possible, without any value of it."""
        if isinstance(node, exp.Query | exp.Exists):
            return _wrong("The predicate asks another query, which is not possible here", self.where)
        if isinstance(node, exp.Column | exp.Literal | exp.Lower | exp.Upper):
            return _wrong("The predicate has a value where a condition has to be, which is true or false", self.where)
        return _wrong(f"The predicate uses `{node.key}`, which is not possible here", self.where)


def _inner(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren | exp.Lower | exp.Upper):
        node = node.this
    return node


def _kind(node: exp.Expr) -> str:
    return _COLUMNS.get(node.name.lower(), "") if isinstance(node, exp.Column) else ""


def _moment(value: str) -> exp.Expr | None:
    try:
        return exp.cast(exp.Literal.string(utc(datetime.fromisoformat(value)).isoformat()), "timestamp")
    except ValueError:
        return None


def _place(error: sqlglot.errors.SqlglotError) -> str:
    """Return where reading ended, without what stands there."""
    details = getattr(error, "errors", None) or [{}]
    column = details[0].get("col")
    return f" from character {column} on" if column else ""


def _wrong(what: str, where: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{what}.", where=where, fix=f"{hint}{_POSSIBLE}")
