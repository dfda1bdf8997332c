"""How many of a plan's rows a vendor could find somebody by, where it will not tell how many it found.

Counted in the warehouse, of the rows to be added or changed. What can be no address and no number does not count as far
as SQL tells it simply; :mod:`reverse_etl.hashing` looks closer before a row leaves, so a few more may turn out to have
nothing.
"""

from __future__ import annotations

from functools import reduce
from typing import cast

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.destinations.base import ObjectSpec
from reverse_etl.feed import Feed
from reverse_etl.hashing.table import COUNTRY
from reverse_etl.report import Coverage
from warehouse.base import Warehouse
from warehouse.sql import any_of, json_field, statement, text

_DIGEST_LENGTH = 64  # of a SHA-256 that the feed made itself
_SHORTEST, _LONGEST = 7, 16  # digits of a number, with the zero that some write after the country code

_COUNTS = """
select count(*) as count_rows, count(case when $every then 1 end) as count_every,
    count(case when not $any then 1 end) as count_none
from sync_plan where run_id = $run_id and op in ('add', 'change')
"""


def measured(warehouse: Warehouse, spec: ObjectSpec, feed: Feed, run_id: str) -> Coverage | None:
    """Return how many rows of the stored plan of a run have what; nothing where the vendor tells whom it found."""
    if not spec.matched_by:
        return None
    names = {column.name for column in feed.columns}
    found = {column: _could_be(column, spec, names, warehouse.dialect) for column in spec.matched_by}
    query = statement(
        _COUNTS,
        tables.relations(warehouse),
        run_id=run_id,
        every=exp.paren(exp.and_(*found.values())),
        any=exp.paren(any_of(list(found.values()))),
    )
    query = reduce(_with_count, enumerate(found.values()), cast("exp.Select", query))
    [row] = warehouse.query(query)
    having = {column: int(row[f"count_{place}"]) for place, column in enumerate(found)}
    return Coverage(int(row["count_rows"]), having, int(row["count_every"]), int(row["count_none"]))


def _with_count(query: exp.Select, numbered: tuple[int, exp.Expr]) -> exp.Select:
    place, condition = numbered
    return query.select(exp.alias_(exp.Count(this=exp.case().when(condition.copy(), "1")), f"count_{place}"))


def _could_be(column: str, spec: ObjectSpec, names: set[str], dialect: str) -> exp.Expr:
    """Return whether a row of the plan has something in a column that could be what the column is for."""
    if column not in names:
        return exp.false()
    value = _value(column, dialect)
    kind = spec.identifiers.get(column)
    could: exp.Expr
    if kind == "email":
        could = exp.and_(exp.Like(this=value, expression=_like("%_@_%.__%")), exp.not_(_holds(value, " ")))
    elif kind == "phone":
        digits = exp.Sub(this=_length(value), expression=_length(_without(value, "0123456789")))
        # Without its country code a number is read with the country of its row, or not at all.
        told: list[exp.Expr] = [exp.Like(this=value, expression=_like(start)) for start in ("+%", "00%", "(+%")]
        told += [_filled(_value(COUNTRY, dialect))] if COUNTRY in names else []
        could = exp.and_(
            exp.Between(this=digits, low=exp.Literal.number(_SHORTEST), high=exp.Literal.number(_LONGEST)),
            exp.func("upper", value.copy()).eq(exp.func("lower", value.copy())),
            any_of(told),
        )
    else:
        could = _filled(value)
    hashed: exp.Expr = _length(value).eq(_DIGEST_LENGTH) if column in spec.hashed_columns else exp.false()
    return exp.func("coalesce", exp.paren(exp.or_(could, hashed)), exp.false())


def _value(column: str, dialect: str) -> exp.Expr:
    """Return a field of the plan's payload as plain text: DuckDB gives it as JSON, in quotation marks."""
    field = text(json_field(exp.column("payload"), column, dialect))
    return exp.func("trim", exp.func("replace", field, exp.Literal.string('"'), exp.Literal.string("")))


def _filled(value: exp.Expr) -> exp.Expr:
    # DuckDB gives the word null for an empty field, Snowflake gives none.
    return exp.not_(exp.func("coalesce", value, exp.Literal.string("")).isin("", "null"))


def _length(value: exp.Expr) -> exp.Expr:
    return exp.func("length", value.copy())


def _without(value: exp.Expr, signs: str) -> exp.Expr:
    return exp.Anonymous(
        this="translate", expressions=[value.copy(), exp.Literal.string(signs), exp.Literal.string("")]
    )


def _like(pattern: str) -> exp.Expr:
    return exp.Literal.string(pattern)


def _holds(value: exp.Expr, sign: str) -> exp.Expr:
    return exp.Like(this=value.copy(), expression=_like(f"%{sign}%"))
