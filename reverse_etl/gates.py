"""The gates: whether a row of the feed may be sent at all, by consent and by suppression."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import ObjectSpec
from reverse_etl.feed import Feed
from warehouse.base import Relation
from warehouse.sql import any_of, hits, statement, text

_GRANTED = "select profile_id from profile_consents where purpose = $purpose and status = 'granted'"
_NOT_GRANTED = """
select profile_id from profile_consents where purpose = $purpose and status is distinct from 'granted'
"""
_SUPPRESSED = "select identifier_value from suppressions where identifier_type = $kind"


def identifiers(sync: SyncDefinition, spec: ObjectSpec, feed: Feed) -> dict[str, tuple[str, exp.Expr]]:
    """Return what of a row may be suppressed: a name for it, the identifier's type, and its value."""
    if sync.suppressions is None:
        return {}
    found: dict[str, tuple[str, exp.Expr]] = {}
    if feed.profile is not None:
        found["profile"] = ("profile_id", text(feed.profile.expression()))
    held = {column.name: column for column in feed.columns}
    for number, (name, kind) in enumerate(sorted(spec.identifiers.items())):
        if name in held:
            found[f"identifier_{number}"] = (kind, normal(held[name].expression(), kind))
    return found


def gated(sync: SyncDefinition, suppressible: dict[str, tuple[str, exp.Expr]], dialect: str) -> exp.Select:
    """Return the step ``feed`` with what forbids each row, ``suppression`` or ``consent``, in ``blocked``.

    Args:
        sync: The sync.
        suppressible: From :func:`identifiers`; the step holds the values as ``value_<name>``.
        dialect: The warehouse's.
    """
    rows = exp.select("feed.*").from_("feed")
    blocked = exp.case()
    suppressed: list[exp.Expr] = []
    for name, (kind, _) in suppressible.items():
        listed = statement(_SUPPRESSED, {"suppressions": cast("Relation", sync.suppressions)}, kind=kind)
        value = exp.column(f"value_{name}", table="feed")
        rows, hit = hits(rows, value, f"suppressed_{name}", listed, dialect)
        suppressed.append(hit)
    if suppressed:
        blocked = blocked.when(any_of(suppressed), exp.Literal.string("suppression"))
    if sync.purpose:
        known = {"profile_consents": cast("Relation", sync.consents)}
        person = exp.column("profile_id", table="feed")
        granting, others = (statement(sql, known, purpose=sync.purpose) for sql in (_GRANTED, _NOT_GRANTED))
        rows, granted = hits(rows, person, "granted", granting, dialect)
        rows, refused = hits(rows, person.copy(), "not_granted", others, dialect)
        blocked = blocked.when(exp.or_(exp.not_(exp.paren(granted)), refused), exp.Literal.string("consent"))
    verdict: exp.Expr = blocked if blocked.args.get("ifs") else exp.cast(exp.null(), "text")
    return rows.select(exp.alias_(verdict, "blocked"))


def normal(value: exp.Expr, kind: str) -> exp.Expr:
    """Return an identifier as the suppressions spell it."""
    trimmed = exp.func("trim", text(value))
    return exp.func("lower", trimmed) if kind == "email" else trimmed
