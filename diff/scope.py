"""What to build: what a change reaches on the way to a segment or a sync, and what has to be built along with it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from diff.changes import Change
from diff.version import Version
from warehouse.manifest import Node

SEGMENT = "seg_"  #: how the name of a segment's model begins
_BUILDABLE = ("table", "view", "incremental", "ephemeral", "seed")


@dataclass(frozen=True, slots=True)
class Scope:
    """What to build beside production.

    Attributes:
        built: The ids of what is built.
        copied: Those of it that begin with what production's table holds, because it cannot be made again.
        beside: Changes that no segment and no sync depends on: they are not built.
        left_out: Names of what cannot be built in a scratch schema, with the reason.
    """

    built: frozenset[str]
    copied: frozenset[str]
    beside: tuple[Change, ...]
    left_out: dict[str, str]


def segments(version: Version) -> dict[str, Node]:
    """Return the segments of a version, by their names without ``seg_``."""
    return {
        node.name.removeprefix(SEGMENT): node
        for node in version.nodes.values()
        if node.kind == "model" and node.name.startswith(SEGMENT)
    }


def choose(head: Version, changed: tuple[Change, ...], wanted: Set[str]) -> Scope:
    """Return what to build.

    Args:
        head: The changed version.
        changed: What was changed.
        wanted: The ids of what is compared in the end: segments, feeds, and what syncs are gated by.
    """
    reached = head.downstream({change.unique_id for change in changed}) & head.upstream(set(wanted)) & set(head.nodes)
    reached |= _together(head, reached)
    left_out = {head.nodes[name].name: why for name in reached if (why := _unfit(head, name))}
    built = frozenset(name for name in reached if head.nodes[name].name not in left_out)
    return Scope(
        built=built,
        copied=frozenset(name for name in built if _is_kept(head, name)),
        beside=tuple(change for change in changed if change.unique_id not in reached),
        left_out=dict(sorted(left_out.items())),
    )


def _is_kept(head: Version, name: str) -> bool:
    """Tell whether a model keeps what it has even on a full refresh, because nothing else can give it back."""
    config = head.config(name)
    return config.get("materialized") == "incremental" and config.get("full_refresh") is False


def _together(head: Version, reached: Set[str]) -> set[str]:
    """Return what must be built along with models that keep their rows.

    Where several of one folder do, as those of identity, they advance in step, by what the tables between them say is
    new: one that is built now would not understand another as an earlier run left it.
    """
    folders: dict[tuple[str, ...], set[str]] = {}
    for name, node in head.nodes.items():
        folders.setdefault(tuple(node.raw.get("fqn") or ())[:-1], set()).add(name)
    found: set[str] = set()
    for members in folders.values():
        kept = {name for name in members if _is_kept(head, name)}
        if len(kept) > 1 and kept & reached:
            found |= members
    return found


def _unfit(head: Version, name: str) -> str:
    node, kind = head.nodes[name], str(head.config(name).get("materialized") or "")
    if node.kind == "snapshot":
        return "a snapshot; production's is read"
    return "" if kind in _BUILDABLE else f"materialized as {kind}, which may write outside the scratch schema"
