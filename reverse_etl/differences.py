"""Which columns of a row differ from what was last applied."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from warehouse.base import Column, Warehouse
from warehouse.sql import any_of, joined, json_field, text


def differences(warehouse: Warehouse, columns: Sequence[Column], resync: bool) -> dict[str, exp.Expr]:
    """Return which columns a row changes.

    Where it is not known what the destination holds, all that have a value count as changed. Those without one do not,
    unless a call without an answer was to change them: to empty a field that this sync never filled would destroy what
    others wrote. For the same reason a column that was not sent before is as one that was sent empty, and the payload
    of a row that was refused from the first is nothing to compare with.
    """
    changed: list[exp.Expr] = []
    common: list[exp.Expr] = []
    confirmed = exp.column("applied_hash").is_(exp.null()).not_()
    held = exp.or_(confirmed, exp.column("in_doubt"))
    unsure: exp.Expr = exp.true() if resync else exp.or_(exp.not_(confirmed.copy()), exp.column("in_doubt"))
    for column in columns:
        new = json_field(exp.column("new_payload"), column.name, warehouse.dialect)
        old = json_field(exp.column("applied_payload"), column.name, warehouse.dialect)
        differs = _or_null(new).neq(_or_null(old))
        has_value = _or_null(new).neq("null")
        listed = exp.or_(exp.and_(held.copy(), differs), exp.and_(unsure.copy(), has_value), _is_among(column.name))
        changed.append(exp.case().when(listed, exp.Literal.string(f"{column.name},")).else_(exp.Literal.string("")))
        common.append(exp.and_(old.is_(exp.null()).not_(), differs.copy()))
    return {"changed_columns": joined(changed), "any_common_changed": any_of(common)}


def _or_null(field: exp.Expr) -> exp.Expr:
    """Return a field's text, and JSON's word for nothing where it is absent."""
    return exp.func("coalesce", text(field), exp.Literal.string("null"))


def _is_among(column: str) -> exp.Expr:
    """Return whether a call without an answer was to change a column."""
    listed = exp.func("concat", exp.Literal.string(","), exp.func("coalesce", exp.column("unsure_columns"), "''"))
    found = exp.StrPosition(this=listed, substr=exp.Literal.string(f",{column},"))
    return exp.GT(this=found, expression=exp.Literal.number(0))
