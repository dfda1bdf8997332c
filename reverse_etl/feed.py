"""The feed: its columns, and whether its key is fit to be one. Looked at before anything else happens."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

from sqlglot import exp

from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination, ObjectSpec
from reverse_etl.errors import FeedError
from warehouse.base import Column, Warehouse
from warehouse.sql import text

PROFILE = "profile_id"


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that can be synced.

    Attributes:
        columns: What is sent: every column but ``profile_id``.
        key: The column that names a row.
        profile: The column that consent and erasure act on; none where rows are not people.
        rows: How many rows it has.
        mapping_hash: Changes when the feed gains or loses a column.
    """

    columns: tuple[Column, ...]
    key: Column
    profile: Column | None
    rows: int
    mapping_hash: str


def key_text(key: Column) -> exp.Expr:
    """Return a row's key as text; null where there is nothing to name the row by."""
    return exp.func("nullif", text(key.expression()), exp.Literal.string(""))


def inspect(warehouse: Warehouse, sync: SyncDefinition, destination: type[Destination]) -> Feed:
    """Make sure that a feed can be synced.

    Raises:
        FeedError: It does not exist, lacks a column, has one that means nothing at the destination, or its key is
            null or not unique.
    """
    spec = destination.objects[sync.object]
    found = warehouse.columns(sync.feed)
    if not found:
        raise FeedError(
            f"The feed {sync.feed_name or sync.feed.name!r} is not in the warehouse.",
            where=f"{sync.where}, relation {sync.feed}",
            fix=f"build it: dbt build --select +{sync.feed_name or sync.feed.name}",
        )
    by_name = {column.name: column for column in found}
    _check_columns(sync, spec, set(by_name), destination)
    key = by_name[sync.key]
    return Feed(
        columns=tuple(column for column in found if column.name != PROFILE),
        key=key,
        profile=by_name.get(PROFILE),
        rows=_check_key(warehouse, sync, key),
        mapping_hash=md5("\n".join(sorted(set(by_name) - {PROFILE})).encode(), usedforsecurity=False).hexdigest(),
    )


def _check_columns(sync: SyncDefinition, spec: ObjectSpec, columns: set[str], destination: type[Destination]) -> None:
    needed = spec.required | {sync.key} | ({PROFILE} if sync.purpose else set())
    missing = sorted(needed - columns)
    if missing:
        raise FeedError(
            f"The feed {sync.feed_name!r} lacks {', '.join(missing)}.",
            where=f"{sync.where}, relation {sync.feed}, which has: {', '.join(sorted(columns))}",
            fix="add it to the feed's SQL, or change the sync's key",
        )
    unknown = sorted(columns - spec.columns - {PROFILE, sync.key})
    if unknown and not spec.custom_columns:
        raise FeedError(
            f"The feed {sync.feed_name!r} has columns that mean nothing to {destination.label}: {', '.join(unknown)}.",
            where=f"{sync.where}, relation {sync.feed}",
            fix=f"{sync.object} takes: {', '.join(sorted(spec.columns))}",
        )


def _check_key(warehouse: Warehouse, sync: SyncDefinition, key: Column) -> int:
    value = key_text(key)
    [counted] = warehouse.query(
        exp.select(
            exp.alias_(exp.Count(this=exp.Star()), "count_rows"),
            exp.alias_(exp.Count(this=value.copy()), "count_keys"),
            exp.alias_(exp.Count(this=exp.Distinct(expressions=[value.copy()])), "count_distinct"),
        ).from_(sync.feed.table())
    )
    rows, keys, distinct = counted["count_rows"], counted["count_keys"], counted["count_distinct"]
    wrong = []
    if keys < rows:
        wrong.append(f"{rows - keys} of {rows} rows have no {sync.key}")
    if distinct < keys:
        wrong.append(f"{keys - distinct} rows repeat the {sync.key} of another")
    if wrong:
        raise FeedError(
            f"The key of the feed {sync.feed_name!r} is not fit to name a row: {' and '.join(wrong)}.",
            where=f"{sync.where}, relation {sync.feed}, column {sync.key}",
            fix="leave out or merge such rows in the feed's SQL; this finds them: "
            f"select {sync.key}, count(*) from {sync.feed} group by 1 order by 2 desc",
        )
    return int(rows)
