"""What comes of a change: columns, segments and syncs of production beside those of the scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from diff import scope, segments, syncs
from diff.build import Versions
from diff.report import Segment, Sync, Table
from diff.scratch import Scratch
from diff.traits import Describer, People
from reverse_etl.definitions import SyncDefinition
from reverse_etl.report import Plan
from warehouse.base import Relation, Warehouse

_DESCRIBES = ("profile_traits", "profiles")  #: tables of one row per person, by which those who move are described


@dataclass
class Outcome:
    """Compares both sides.

    Attributes:
        scratch: The scratch.
        versions: Both versions.
        scope: What is built of the working tree's.
        as_of: The moment of both sides.
        before: The syncs of the base, by name.
        after: Those of the working tree.
    """

    scratch: Scratch
    versions: Versions
    scope: scope.Scope
    as_of: datetime
    before: Mapping[str, SyncDefinition]
    after: Mapping[str, SyncDefinition]

    @cached_property
    def segments(self) -> list[str]:
        """The names of the segments that the change reaches."""
        now, was = scope.segments(self.versions.head), scope.segments(self.versions.base)
        reached = {name for name, node in now.items() if node.unique_id in self.scope.built}
        return sorted(reached | (now.keys() ^ was.keys()))

    @cached_property
    def syncs(self) -> list[str]:
        """The names of the syncs that the change reaches."""
        built = {self.versions.head.nodes[name].relation for name in self.scope.built}
        found = set(self.before.keys() ^ self.after.keys())
        for name in self.before.keys() & self.after.keys():
            sync = self.after[name]
            if {sync.feed, *syncs.gates(sync)} & built or syncs.is_redefined(self.before[name], sync):
                found.add(name)
        return sorted(found)

    def plans_without(self, warehouse: Warehouse) -> dict[str, Plan | str]:
        """Return what the next runs would do without the change, or why there is no plan."""
        planner = syncs.Planner(warehouse, self.as_of)
        return {
            name: planner.plan(syncs.relocated(self.before[name], self.scratch.production))[0]
            for name in self.syncs
            if name in self.before and name in self.after
        }

    def tables(self, warehouse: Warehouse) -> list[Table]:
        """Return the tables whose columns change."""
        head, base = self.versions.head, self.versions.base
        found = []
        for name in sorted(self.scope.built & base.nodes.keys(), key=lambda one: head.nodes[one].name):
            was = _types(warehouse, self.scratch.production(base.nodes[name].relation))
            now = _types(warehouse, head.nodes[name].relation)
            if was and now and was != now:
                others = {column: (kind, now[column]) for column, kind in was.items() if now.get(column, kind) != kind}
                found.append(
                    Table(
                        head.nodes[name].name,
                        added=tuple(column for column in now if column not in was),
                        removed=tuple(column for column in was if column not in now),
                        retyped=tuple(f"{column}: {kind}, now {new}" for column, (kind, new) in others.items()),
                    )
                )
        return found

    def compared_segments(self, warehouse: Warehouse) -> list[Segment]:
        """Return what becomes of each segment that the change reaches."""
        if not self.segments:
            return []
        now, was = scope.segments(self.versions.head), scope.segments(self.versions.base)
        segments.create_moves(warehouse)
        describer = Describer(warehouse, segments.moves_of(warehouse), self._people())
        found = []
        for name in self.segments:
            before = self.scratch.production(was[name].relation) if name in was else None
            after = now[name].relation if name in now else None
            found.append(segments.compare(warehouse, segments.Pair(name, before, after), describer, self.as_of))
        return found

    def compared_syncs(self, warehouse: Warehouse, without: Mapping[str, Plan | str]) -> list[Sync]:
        """Return what becomes of each sync that the change reaches.

        Args:
            warehouse: The open scratch.
            without: From :meth:`plans_without`, from before the scratch was built in.
        """
        planner = syncs.Planner(warehouse, self.as_of)
        found = []
        for name in self.syncs:
            if name not in self.after:
                found.append(planner.deleted(self.before[name]))
                continue
            sync = syncs.relocated(self.after[name], self._place)
            found.append(planner.compare(without.get(name), sync, new=name not in self.before))
        return found

    def _people(self) -> list[People]:
        found = []
        for name in _DESCRIBES:
            before, after = self.versions.base.manifest.model(name), self.versions.head.manifest.model(name)
            if before is not None and after is not None:
                production = self.scratch.production(before.relation)
                found.append(People(production, self._place(after.relation), _labels(after.raw)))
        return found

    def _place(self, relation: Relation) -> Relation:
        """Return where a relation of the working tree is: in the scratch if it was built, else in production."""
        head, base = self.versions.head, self.versions.base
        name = next((name for name, node in head.nodes.items() if node.relation == relation), None)
        if name is None or name in self.scope.built or name not in base.nodes:
            return relation
        return self.scratch.production(base.nodes[name].relation)


def _types(warehouse: Warehouse, relation: Relation) -> dict[str, str]:
    return {column.name: column.type.sql(dialect=warehouse.dialect).lower() for column in warehouse.columns(relation)}


def _labels(raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the labels of a model's columns; a column of personal data without a finer label counts as ``pii``."""
    found = {}
    for name, column in (raw.get("columns") or {}).items():
        meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
        labels = set(meta.get("labels") or ())
        found[name] = frozenset(labels | ({"pii"} if meta.get("pii") else set()))
    return found
