"""A diff from beginning to end: base, scratch, both versions, what the change reaches, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from diff import build, changes, scope, syncs
from diff.git import Base, Repository
from diff.outcome import Outcome
from diff.report import Report
from diff.scratch import Scratch, held, scratch_for
from reverse_etl.connections import load_connections
from reverse_etl.definitions import SyncDefinition, load_syncs
from warehouse.base import Warehouse
from warehouse.errors import ConfigError, WarehouseError
from warehouse.project import connections_path, run_moment

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
        for run in dropped:
            request.tell(f"dropped what the run {run} left behind when it was killed")
        if request.keep:
            request.tell(f"the scratch stays when this is done, with people's data in it: {scratch.place}")
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
        """Compare, and return what comes of it."""
        label = self.base.label if self.base else f"the manifest {self.request.state}"
        self.report = Report(label, self.repository.head() if self.repository else "the working tree")
        self.report.remarks += self.base.remarks if self.base else ()
        with self.scratch.open() as warehouse:
            results = syncs.last_build(self.scratch, warehouse)
        self._choose_moment(results)
        self.request.tell("compiling both versions")
        state = self.request.state
        self.versions = build.compile_both(self.scratch, self.base, self.repository, state, self.as_of)
        before, after = self._syncs()
        outcome = self._choose(before, after)
        if not (outcome.segments or outcome.syncs or self.scope.built):
            return self.report
        self._say_what_is_stale(results)
        with self.scratch.open() as warehouse:
            self._check_production(warehouse)
            syncs.prepare_engine(self.scratch, warehouse)
            without = outcome.plans_without(warehouse)
            if self.scope.built:
                known = {node.relation for node in self.versions.base.nodes.values()}
                self.scratch.create(warehouse, known)
                build.copy_kept(self.scratch, warehouse, self.versions, self.scope)
        if self.scope.built:
            self.request.tell(f"building {len(self.scope.built)} models beside production")
            build.build(self.scratch, self.versions, self.scope, self.as_of)
        self.request.tell("comparing")
        with self.scratch.open() as warehouse:
            self.report.tables = outcome.tables(warehouse)
            self.report.segments = outcome.compared_segments(warehouse)
            self.report.syncs = outcome.compared_syncs(warehouse, without)
        return self.report

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

    def _syncs(self) -> tuple[dict[str, SyncDefinition], dict[str, SyncDefinition]]:
        """Return the syncs of both versions, by name."""
        root = self.versions.base.root
        now = load_connections(connections_path(self.request.root))
        after = {sync.name: sync for sync in load_syncs(self.versions.head.manifest, now)}
        try:
            then = load_connections(connections_path(root)) if root and connections_path(root).exists() else now
            before = {sync.name: sync for sync in load_syncs(self.versions.base.manifest, then)}
        except ConfigError:
            self.report.remarks.append("The syncs of the base are not valid, so they all count as new.")
            before = {}
        return before, after

    def _choose(self, before: Mapping[str, SyncDefinition], after: Mapping[str, SyncDefinition]) -> Outcome:
        """Find out what to build, and return what is compared in the end."""
        base, head, report = self.versions.base, self.versions.head, self.report
        found = changes.compare(base, head)
        wanted = {node.unique_id for node in scope.segments(head).values()}
        places = {node.relation: name for name, node in head.nodes.items()}
        for sync in after.values():
            wanted.add(sync.feed_id)
            wanted |= {places[gate] for gate in syncs.gates(sync) if gate in places}
        self.scope = scope.choose(head, found.changed, wanted)
        build.check_places(self.scratch, self.versions, self.scope)
        outcome = Outcome(self.scratch, self.versions, self.scope, self.as_of, before, after)
        report.changed = [{"model": one.name, "file": one.path, "why": one.why} for one in found.changed]
        report.same, report.deleted = list(found.same), list(found.deleted)
        report.new = [one.name for one in found.changed if one.why == "new"]
        report.built = sorted(head.nodes[name].name for name in self.scope.built)
        report.left_out = dict(self.scope.left_out)
        report.left_out |= {one.name: "no segment and no sync depends on it" for one in self.scope.beside}
        report.untouched = {
            "segments": len(scope.segments(head).keys() - set(outcome.segments)),
            "syncs": len(after.keys() - set(outcome.syncs)),
        }
        return outcome

    def _read(self) -> set[str]:
        """Return the ids of what is read from production."""
        head = self.versions.head
        return {parent for name in self.scope.built for parent in head.nodes[name].depends_on} - self.scope.built

    def _check_production(self, warehouse: Warehouse) -> None:
        """Make sure that what is not built can be read.

        Raises:
            WarehouseError: Production has not built it.
        """
        base = self.versions.base
        needed = [
            base.nodes[name]
            for name in sorted(self._read() & base.nodes.keys())
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
        late = sorted(
            head.nodes[name].name
            for name in self._read() & head.nodes.keys() & results.keys()
            if results[name][0] is not None and (results[name][0] < self.as_of or results[name][1] != "success")
        )
        if late and self.request.as_of is None:
            few = ", ".join(late[:_NAMED]) + (f" and {len(late) - _NAMED} more" if len(late) > _NAMED else "")
            self.report.remarks.append(
                f"Of what is read from production, {len(late)} were built earlier than the rest, or failed: {few}."
            )
