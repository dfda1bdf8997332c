"""A diff from beginning to end: base, scratch, both versions, what the change reaches, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diff import build, changes, scope, segments, syncs
from diff.git import Base, Repository
from diff.report import Report, Table
from diff.scratch import Scratch, held, scratch_for
from diff.traits import Describer, People
from reverse_etl.connections import load_connections
from reverse_etl.definitions import SyncDefinition, load_syncs
from reverse_etl.report import Plan
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError, WarehouseError
from warehouse.project import connections_path, run_moment

_DESCRIBES = ("profile_traits", "profiles")  #: tables of one row per person, by which those who move are described
_NAMED = 5  #: names in one remark


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        root: The project's folder.
        at: The moment by the clock.
        base: What to compare with; found by itself when left out.
        state: A manifest of production in place of a commit.
        as_of: The moment of both sides; production's last build when left out.
        keep: Whether the scratch stays.
        tell: Is told how far it has come.
    """

    root: Path
    at: datetime
    base: str | None = None
    state: Path | None = None
    as_of: datetime | None = None
    keep: bool = False
    tell: Callable[[str], object] = lambda _: None


def diff(request: Request) -> Report:
    """Return what the change at hand would do. Nothing is sent, and nothing of production is written.

    Raises:
        ConfigError: There is nothing to compare with, or a version cannot be read.
        WarehouseError: Production was not built yet, or cannot be read.
        WeftError: A changed model cannot be built.
    """
    repository = Repository.of(request.root) if request.state is None else None
    base = repository.base(request.base) if repository else None
    scratch = scratch_for(request.root, request.at, keep=request.keep)
    with held(scratch) as dropped:
        if dropped:
            request.tell(f"dropped what {len(dropped)} runs left behind that were killed")
        return _Diff(request, scratch, repository, base).run()


@dataclass
class _Diff:
    """One diff, in its scratch."""

    request: Request
    scratch: Scratch
    repository: Repository | None
    base: Base | None
    report: Report = field(init=False)
    versions: build.Versions = field(init=False)
    scope: scope.Scope = field(init=False)
    as_of: datetime = field(init=False)

    def run(self) -> Report:
        label = self.base.label if self.base else f"the manifest {self.request.state}"
        self.report = Report(label, self.repository.head() if self.repository else "the working tree")
        self.report.remarks += self.base.remarks if self.base else ()
        with self.scratch.open() as warehouse:
            results = syncs.last_build(self.scratch, warehouse)
        self._choose_moment(results)
        self.request.tell("compiling both versions")
        self.versions = build.compile_both(self.scratch, self.base, self.repository, self.request.state, self.as_of)
        before, after = self._syncs()
        self._choose(before, after)
        if not (self.pairs or self.reached or self.scope.built):
            return self.report
        self._say_what_is_stale(results)
        with self.scratch.open() as warehouse:
            self._check_production(warehouse)
            syncs.prepare_engine(self.scratch, warehouse)
            planner = syncs.Planner(warehouse, self.as_of)
            without = planner.without(
                {
                    name: syncs.relocated(before[name], self.scratch.production)
                    for name in self.reached
                    if name in before and name in after
                }
            )
            if self.scope.built:
                known = {node.relation for node in self.versions.base.nodes.values()}
                self.scratch.create(warehouse, known)
                build.copy_kept(self.scratch, warehouse, self.versions, self.scope)
        if self.scope.built:
            self.request.tell(f"building {len(self.scope.built)} models beside production")
            build.build(self.scratch, self.versions, self.scope, self.as_of)
        self.request.tell("comparing")
        with self.scratch.open() as warehouse:
            self._compare_tables(warehouse)
            self._compare_segments(warehouse)
            self._compare_syncs(warehouse, before, after, without)
        return self.report

    # --- what is compared

    def _choose_moment(self, results: Mapping[str, tuple[datetime, str]]) -> None:
        """Take the moment of production's last build, so that the clock does not look like a change."""
        moments = [moment for name, (moment, _) in results.items() if name.startswith("model.") and moment]
        if self.request.as_of is not None:
            self.as_of = self.request.as_of
            if moments and max(moments) != self.as_of:
                self.report.remarks.append(
                    f"Production was last built for {max(moments):%Y-%m-%d %H:%M:%S} UTC, so what the clock changes "
                    "shows as a difference, too."
                )
        elif moments:
            self.as_of = max(moments)
        else:
            self.as_of = run_moment()
            self.report.remarks.append(
                "Production has no record of when it was built, so it is compared as of now; --as-of names the moment."
            )
        self.report.as_of = self.as_of

    def _choose(self, before: Mapping[str, SyncDefinition], after: Mapping[str, SyncDefinition]) -> None:
        base, head = self.versions.base, self.versions.head
        found = changes.compare(base, head)
        wanted = {node.unique_id for node in scope.segments(head).values()}
        places = {node.relation: name for name, node in head.nodes.items()}
        for sync in after.values():
            wanted.add(sync.feed_id)
            gates = (sync.consents, sync.suppressions, sync.events, sync.changes)
            wanted |= {places[gate] for gate in gates if gate in places}
        self.scope = scope.choose(head, found.changed, wanted)
        build.check_places(self.scratch, self.versions, self.scope)
        report = self.report
        report.changed = [{"model": one.name, "file": one.path, "why": one.why} for one in found.changed]
        report.same, report.deleted = list(found.same), list(found.deleted)
        report.new = [one.name for one in found.changed if one.why == "new"]
        report.built = sorted(head.nodes[name].name for name in self.scope.built)
        report.left_out = dict(self.scope.left_out)
        report.left_out |= {one.name: "no segment and no sync depends on it" for one in self.scope.beside}
        now, was = scope.segments(head), scope.segments(base)
        self.pairs = sorted(
            {name for name, node in now.items() if node.unique_id in self.scope.built or name not in was}
            | (was.keys() - now.keys())
        )
        self.reached = self._reached(before, after)
        report.untouched = {
            "segments": len(now.keys() - set(self.pairs)),
            "syncs": len(after.keys() - set(self.reached)),
        }

    def _syncs(self) -> tuple[dict[str, SyncDefinition], dict[str, SyncDefinition]]:
        """Return the syncs of both versions, by name."""
        root = self.versions.base.root
        held = load_connections(connections_path(root)) if root and connections_path(root).exists() else None
        now = load_connections(connections_path(self.request.root))
        after = {sync.name: sync for sync in load_syncs(self.versions.head.manifest, now)}
        try:
            before = {sync.name: sync for sync in load_syncs(self.versions.base.manifest, held or now)}
        except ConfigError:
            self.report.remarks.append("The syncs of the base are not valid, so they all count as new.")
            before = {}
        return before, after

    def _reached(self, before: Mapping[str, SyncDefinition], after: Mapping[str, SyncDefinition]) -> list[str]:
        """Return the names of the syncs that the change reaches."""
        built = {self.versions.head.nodes[name].relation for name in self.scope.built}
        found = set(before.keys() ^ after.keys())
        for name in before.keys() & after.keys():
            sync = after[name]
            reads = {sync.feed, sync.consents, sync.suppressions, sync.events, sync.changes}
            if reads & built or syncs.is_redefined(before[name], sync):
                found.add(name)
        return sorted(found)

    def _check_production(self, warehouse: Warehouse) -> None:
        """Make sure that what is not built can be read.

        Raises:
            WarehouseError: Production has none of what the change reads.
        """
        base, head = self.versions.base, self.versions.head
        read = {parent for name in self.scope.built for parent in head.nodes[name].depends_on} - self.scope.built
        needed = [
            base.nodes[name]
            for name in sorted(read & base.nodes.keys())
            if base.config(name).get("materialized") != "ephemeral"
        ]
        missing = [node.name for node in needed if not warehouse.columns(self.scratch.production(node.relation))]
        if missing:
            few = ", ".join(missing[:_NAMED]) + (" …" if len(missing) > _NAMED else "")
            raise WarehouseError(
                f"Production has not built {len(missing)} of the {len(needed)} models that the change reads: {few}.",
                where=str(self.scratch.rendered.get("path") or self.scratch.rendered.get("database")),
                fix="build production first, from the version that is compared with: dbt build",
            )

    def _say_what_is_stale(self, results: Mapping[str, tuple[datetime, str]]) -> None:
        """Remark which models that are read were last built earlier, or failed."""
        head = self.versions.head
        read = {parent for name in self.scope.built for parent in head.nodes[name].depends_on} - self.scope.built
        late = sorted(
            head.nodes[name].name
            for name in read & head.nodes.keys() & results.keys()
            if results[name][0] is not None and (results[name][0] < self.as_of or results[name][1] != "success")
        )
        if late and self.request.as_of is None:
            few = ", ".join(late[:_NAMED]) + (f" and {len(late) - _NAMED} more" if len(late) > _NAMED else "")
            self.report.remarks.append(
                f"Of what is read from production, {len(late)} were built earlier than the rest, or failed: {few}."
            )

    # --- what comes of it

    def _compare_tables(self, warehouse: Warehouse) -> None:
        head, base = self.versions.head, self.versions.base
        for name in sorted(self.scope.built & base.nodes.keys(), key=lambda one: head.nodes[one].name):
            was = {
                column.name: column.type.sql(dialect=warehouse.dialect).lower()
                for column in warehouse.columns(self.scratch.production(base.nodes[name].relation))
            }
            now = {
                column.name: column.type.sql(dialect=warehouse.dialect).lower()
                for column in warehouse.columns(head.nodes[name].relation)
            }
            if not was or not now or was == now:
                continue
            retyped = tuple(
                f"{column}: {was[column]}, now {now[column]}"
                for column in was
                if now.get(column, was[column]) != was[column]
            )
            self.report.tables.append(
                Table(
                    head.nodes[name].name,
                    added=tuple(column for column in now if column not in was),
                    removed=tuple(column for column in was if column not in now),
                    retyped=retyped,
                )
            )

    def _compare_segments(self, warehouse: Warehouse) -> None:
        if not self.pairs:
            return
        now, was = scope.segments(self.versions.head), scope.segments(self.versions.base)
        segments.create_moves(warehouse)
        describer = Describer(warehouse, segments.moves_of(warehouse), self._people())
        for name in self.pairs:
            pair = segments.Pair(
                name,
                self.scratch.production(was[name].relation) if name in was else None,
                now[name].relation if name in now else None,
            )
            self.report.segments.append(segments.compare(warehouse, pair, describer, self.as_of))

    def _people(self) -> list[People]:
        found = []
        for name in _DESCRIBES:
            before, after = self.versions.base.manifest.model(name), self.versions.head.manifest.model(name)
            if before is not None and after is not None:
                production = self.scratch.production(before.relation)
                found.append(People(production, self._place(after.relation), _labels(after.raw)))
        return found

    def _compare_syncs(
        self,
        warehouse: Warehouse,
        before: Mapping[str, SyncDefinition],
        after: Mapping[str, SyncDefinition],
        without: Mapping[str, Plan | str],
    ) -> None:
        planner = syncs.Planner(warehouse, self.as_of)
        for name in self.reached:
            if name not in after:
                self.report.syncs.append(planner.deleted(before[name]))
                continue
            sync = syncs.relocated(after[name], self._place)
            self.report.syncs.append(planner.compare(without.get(name), sync, new=name not in before))

    def _place(self, relation: Relation) -> Relation:
        """Return where a relation of the working tree is: in the scratch if it was built, else in production."""
        head, base = self.versions.head, self.versions.base
        name = next((name for name, node in head.nodes.items() if node.relation == relation), None)
        if name is None or name in self.scope.built or name not in base.nodes:
            return relation
        return self.scratch.production(base.nodes[name].relation)


def _labels(raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the labels of a model's columns; a column of personal data without a finer label counts as ``pii``."""
    found = {}
    for name, column in (raw.get("columns") or {}).items():
        meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
        labels = set(meta.get("labels") or ())
        found[name] = frozenset(labels | ({"pii"} if meta.get("pii") else set()))
    return found
