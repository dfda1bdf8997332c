"""The feed: its columns, looked at before anything else happens, and whether its key is fit to be one."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination, ObjectSpec
from reverse_etl.errors import FeedError
from warehouse.base import Column, Warehouse
from warehouse.sql import statement, text

PROFILE = "profile_id"

_PLANNED = """
select count(row_key) - count(distinct row_key) as count_repeated from sync_plan where run_id = $run_id
"""
_COUNTED = """
select
    coalesce(sum(count_rows), 0) as count_rows,
    coalesce(sum(count_keyless), 0) as count_keyless,
    coalesce(sum(case when planned_key is not null then count_rows - 1 end), 0) as count_repeated
from (
    select planned.row_key as planned_key, count(*) as count_rows,
        count(case when keys.row_key is null then 1 end) as count_keyless
    from (select $row_key as row_key from feed) as keys
    left join (select distinct row_key from sync_plan where run_id = $run_id) as planned
        on planned.row_key = keys.row_key
    group by planned.row_key
) as counted
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that can be synced.

    Attributes:
        columns: What is sent: every column but ``profile_id``.
        key: The column that names a row.
        key_kind: What type of identifier the key is, where it is one that the destination declares.
        profile: The column that consent and erasure act on; none where rows are not people.
        mapping_hash: Changes when the feed gains or loses a column.
    """

    columns: tuple[Column, ...]
    key: Column
    key_kind: str | None
    profile: Column | None
    mapping_hash: str


def key_text(feed: Feed) -> exp.Expr:
    """Return a row's key as text; null where there is nothing to name the row by.

    No destination tells e-mail addresses apart by their case. If the engine did, an address that changes in nothing
    else would be added as one row and then removed as another.
    """
    value = text(feed.key.expression())
    if feed.key_kind == "email":
        value = exp.func("lower", exp.func("trim", value))
    return exp.func("nullif", value, exp.Literal.string(""))


def inspect(warehouse: Warehouse, sync: SyncDefinition, destination: type[Destination]) -> Feed:
    """Make sure that a feed has the columns to be synced. Its rows are looked at by the plan.

    Raises:
        FeedError: It does not exist, lacks a column, or has one that means nothing at the destination.
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
    return Feed(
        columns=tuple(column for column in found if column.name != PROFILE),
        key=by_name[sync.key],
        key_kind=spec.identifiers.get(sync.key),
        profile=by_name.get(PROFILE),
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
    consent = sorted(columns & spec.refused_columns)
    if consent:
        raise FeedError(
            f"The feed {sync.feed_name!r} has columns that change what people agreed to receive: {', '.join(consent)}.",
            where=f"{sync.where}, relation {sync.feed}",
            fix="leave them out of the feed's SQL: a sync does not decide about consent",
        )


def count_rows(warehouse: Warehouse, sync: SyncDefinition, feed: Feed, run_id: str) -> int:
    """Return how many rows the feed has, once it is sure that no row to be sent shares its key with another.

    It is called when the plan of a run is stored, and asks the feed for its keys alone: rows of which nothing becomes
    are as they were when they were sent, so a repeated key among them does no harm yet, and needs no search.

    Raises:
        FeedError: A key is null, or repeated.
    """
    known = tables.relations(warehouse) | {"feed": sync.feed}
    value = {"row_key": key_text(feed)}
    [planned] = warehouse.query(statement(_PLANNED, known, run_id=run_id))
    [counted] = warehouse.query(statement(_COUNTED, known, run_id=run_id, **value))
    rows, keyless = int(counted["count_rows"]), int(counted["count_keyless"])
    repeated = max(int(planned["count_repeated"]), int(counted["count_repeated"]))
    wrong = []
    if keyless:
        wrong.append(f"{keyless} of {rows} rows have no {sync.key}")
    if repeated:
        wrong.append(f"{repeated} rows repeat the {sync.key} of another")
    if wrong:
        raise FeedError(
            f"The key of the feed {sync.feed_name!r} is not fit to name a row: {' and '.join(wrong)}.",
            where=f"{sync.where}, relation {sync.feed}, column {sync.key}",
            fix="leave out or merge such rows in the feed's SQL; this finds them: "
            f"select {sync.key}, count(*) from {sync.feed} group by 1 order by 2 desc",
        )
    return rows
