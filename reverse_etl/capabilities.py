"""What a sync asks for, held against what its destination can do and what its feed has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from reverse_etl.destinations.base import Destination, Mode, NullPolicy, ObjectSpec
from reverse_etl.sync_block import Problem, SyncBlock, Written
from warehouse.manifest import Node

#: What an empty value does where nobody says, the first that the destination can.
_NULLS = (NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR, NullPolicy.SET_IF_EMPTY)


def unknown(field: str, value: object, possible: Iterable[object], who: str) -> Problem:
    """Return the problem of a value that is none of the possible ones, with the one that was probably meant."""
    listed = sorted(str(item) for item in possible)
    close = get_close_matches(str(value), listed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    name = field.rsplit(".", 1)[-1]
    return Problem(field, f"Unknown {name} {str(value)!r}", f"{hint}{who}: {', '.join(listed) or 'nothing'}")


def impossible(written: Written, spec: ObjectSpec, destination: type[Destination], feed: Node) -> Iterator[Problem]:
    """Yield everything that the destination cannot do, with what it can."""
    block, taker = written.block, f"{destination.label} {written.block.object}"
    if block.mode not in spec.modes:
        yield unknown("mode", block.mode, spec.modes, f"{taker} can")
    if spec.keys and block.key not in spec.keys:
        yield unknown("key", block.key, spec.keys, f"{taker} can be keyed by")
    if spec.needs_target and not block.target:
        yield Problem(
            "target", f"{taker} needs the id of the one to fill", "add target: '...' with the id at the vendor"
        )
    if block.target and not spec.needs_target:
        yield Problem("target", f"{taker} takes no target", "remove it")
    yield from _nulls(written, spec, taker, feed)
    if block.on_merge == "merge" and not spec.merges and "on_merge" in written.own:
        yield Problem("on_merge", f"{taker} cannot merge records", "use one of: keep, remove")
    if block.drift is not None and not spec.counts and "drift" in written.own:
        yield Problem("drift", f"{taker} does not tell how many it holds", "remove it, or write null")
    if block.mode is Mode.MIRROR and not written.guards & {"max_removed", "max_removed_rows"}:
        yield Problem(
            "guards",
            "A mirror needs to know how many rows it may remove at once",
            "add max_removed: 30%, or max_removed: null for no limit, here or in sync_defaults of dbt_project.yml",
        )
    yield from _columns(block, spec, feed)


def settled(written: Written, spec: ObjectSpec) -> SyncBlock:
    """Return the block without the defaults that cannot apply to the destination and do no harm there."""
    block, changes = written.block, dict[str, object]()
    if block.drift is not None and not spec.counts:
        changes["drift"] = None
    if block.on_merge == "merge" and not spec.merges:
        changes["on_merge"] = "remove"
    if block.nulls not in spec.nulls and "nulls" not in block.model_fields_set:
        changes["nulls"] = next((policy for policy in _NULLS if policy in spec.nulls), block.nulls)
    return block.model_copy(update=changes)


def _nulls(written: Written, spec: ObjectSpec, taker: str, feed: Node) -> Iterator[Problem]:
    block = written.block
    if "nulls" in block.model_fields_set and block.nulls not in spec.nulls:
        problem = unknown("nulls", block.nulls, spec.nulls, f"{taker} can")
        yield problem._replace(by_default=written.by_default("nulls"))
    for column, policy in block.columns.items():
        field = f"columns.{column}"
        if column in (block.key, "profile_id"):
            yield Problem(field, "Neither the key nor profile_id is ever empty", "remove it")
        elif feed.columns and column not in feed.columns:
            yield unknown(field, column, set(feed.columns) - {block.key, "profile_id"}, f"the feed {feed.name!r} has")
        elif policy not in spec.nulls:
            yield unknown(field, policy, spec.nulls, f"{taker} can")


def _columns(block: SyncBlock, spec: ObjectSpec, feed: Node) -> Iterator[Problem]:
    if not feed.columns:
        return
    columns = set(feed.columns)
    missing = sorted((spec.required | {block.key}) - columns)
    if missing:
        yield Problem("depends_on", f"The feed {feed.name!r} lacks {', '.join(missing)}", f"add them to {feed.path}")
    meaningless = sorted(columns - spec.columns - {"profile_id", block.key})
    if meaningless and not spec.custom_columns:
        yield Problem(
            "depends_on",
            f"The feed {feed.name!r} has columns that mean nothing there: {', '.join(meaningless)}",
            f"use only: profile_id, {', '.join(sorted(spec.columns))}",
        )
    consent = sorted(columns & spec.refused_columns)
    if consent:
        yield Problem(
            "depends_on",
            f"The feed {feed.name!r} has columns that change what people agreed to receive: {', '.join(consent)}",
            f"leave them out of {feed.path}: a sync does not decide about consent",
        )
    prefix = spec.removal_empties
    if prefix and block.mode is Mode.MIRROR and not any(column.startswith(prefix) for column in columns - {block.key}):
        yield Problem(
            "mode",
            f"A mirror empties columns that begin with {prefix} of who leaves, and {feed.name!r} has none",
            f"add a column that begins with {prefix} to the feed, or use mode: upsert",
        )
