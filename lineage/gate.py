"""Before anything is sent: no label reaches a destination that the policy keeps it from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lineage.policy import POLICY_FILE, Rule, Verdict
from lineage.project import ProjectLineage
from lineage.shapes import How
from lineage.trace import Carried, in_words
from reverse_etl.connections import Connection
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations import registry
from warehouse.errors import ConfigError, raise_all
from warehouse.manifest import Manifest
from warehouse.project import connections_path, fingerprint, manifest_path

#: Columns of a feed that no destination is sent.
NOT_SENT = frozenset({"profile_id"})


class Arrival(NamedTuple):
    """A label on its way out.

    Attributes:
        column: The feed's column; empty for what decides who is in the feed.
        carried: The label, and the way that it came.
        is_hashed: Whether what arrives is a hash.
        verdict: What the policy says.
    """

    column: str
    carried: Carried
    is_hashed: bool
    verdict: Verdict

    @property
    def is_allowed(self) -> bool:
        """Whether it may arrive like that."""
        return self.verdict.rule is Rule.PLAIN or (self.verdict.rule is Rule.HASHED and self.is_hashed)


def check_policy(
    root: Path, manifest: Manifest, connections: Mapping[str, Connection], syncs: Sequence[SyncDefinition]
) -> None:
    """Return when every column of these feeds may go where it goes.

    What was found to be right is remembered until a file or a setting of the project changes.

    Args:
        root: The project's folder.
        manifest: The parsed project.
        connections: The accounts of ``connections.yml``.
        syncs: The syncs that are about to be planned or run.

    Raises:
        ConfigError: A feed breaks the policy, or nobody can tell: then nothing may be sent.
    """
    if not syncs:
        return
    kept = manifest_path(root).with_name("policy.passed.json")
    state = _state(root, manifest)
    passed = _read(kept, state)
    names = {sync.name for sync in syncs}
    if names <= passed:
        return
    lineage = ProjectLineage(root, manifest, connections, syncs)
    found = [problem for sync in syncs for problem in problems(lineage, sync)]
    raise_all(found, "things are wrong with what the syncs would send")
    _write(kept, state, passed | names)


def problems(lineage: ProjectLineage, sync: SyncDefinition) -> Iterator[ConfigError]:
    """Yield everything that keeps a sync from being run."""
    file = sync.where.split(",")[0]
    if (reason := _unknown_columns(lineage, sync)) is not None:
        yield ConfigError(
            f"Nobody can tell which columns {sync.feed_name} has, so {sync.name} sends nothing.",
            where=f"{file}, model {sync.feed_name}\n  why:   {reason}",
            fix="name the columns in its select, in SQL that lineage can follow (docs/lineage.md)",
        )
        return
    for column in sent_columns(lineage, sync):
        for path in lineage.tracer.column(sync.feed_id, column).unknown[:1]:
            yield ConfigError(
                f"Nobody can tell which labels {sync.feed_name}.{column} carries, so {sync.name} sends nothing.",
                where=f"{file}, model {sync.feed_name}, column {column}\n  path:  {in_words(lineage.graph, path)}",
                fix="mend the SQL there, or state what a column on this way holds: "
                "labels: {only: [...], because: ...} in its yml",
            )
    for arrival in arrivals(lineage, sync):
        if not arrival.is_allowed:
            yield _broken(lineage, sync, arrival, file)


def _unknown_columns(lineage: ProjectLineage, sync: SyncDefinition) -> str | None:
    """Return why a feed may have columns that nobody knows of; nothing where it has not."""
    graph = lineage.graph
    if sync.feed_id in graph.unreadable:
        return graph.unreadable[sync.feed_id]
    if sync.feed_id not in graph.shapes:
        return "it is not a model, so there is no SQL to follow"
    if any(branch.open or branch.anything for branch in graph.shapes[sync.feed_id]):
        return "it selects all columns of a relation whose columns nobody declared"
    return None


def sent_columns(lineage: ProjectLineage, sync: SyncDefinition) -> list[str]:
    """Return the columns of a sync's feed that its destination gets."""
    spec = registry.get(sync.destination).objects[sync.object]
    return [
        column
        for column in lineage.graph.columns(sync.feed_id)
        if column not in NOT_SENT and (spec.custom_columns or column in spec.columns or column == sync.key)
    ]


def arrivals(lineage: ProjectLineage, sync: SyncDefinition) -> Iterator[Arrival]:
    """Yield every label that reaches a sync's destination."""
    hashed = registry.get(sync.destination).objects[sync.object].hashed_columns
    found = [(column, one) for column in sent_columns(lineage, sync) for one in _carried(lineage, sync, column)]
    found += [("", one) for one in lineage.tracer.rows(sync.feed_id).carried]
    for column, carried in found:
        verdict = lineage.policy.verdict(carried.label, sync.destination, sync.object, sync.connection, sync.purpose)
        yield Arrival(column, carried, column in hashed or carried.how is How.HASHED, verdict)


def _carried(lineage: ProjectLineage, sync: SyncDefinition, column: str) -> list[Carried]:
    return lineage.tracer.column(sync.feed_id, column).carried


def _broken(lineage: ProjectLineage, sync: SyncDefinition, arrival: Arrival, file: str) -> ConfigError:
    label, destination = arrival.carried.label, registry.get(sync.destination).label
    what = f"{sync.name} would send {arrival.column}, which carries the label {label!r}, to {destination}"
    if not arrival.column:
        what = f"{sync.name} would tell {destination} who is in a feed that the label {label!r} decides"
    said = "never" if arrival.verdict.rule is Rule.NEVER else "hashed only"
    way = in_words(lineage.graph, arrival.carried.path)
    place = f"{file}, model {sync.feed_name}{f', column {arrival.column}' if arrival.column else ''}"
    mend = "take the column out of the feed" if arrival.column else "choose the people of the feed by something else"
    hash_it = ", hash it with hash_text" if arrival.verdict.rule is Rule.HASHED and arrival.column else ""
    return ConfigError(
        f"{what}; {POLICY_FILE} says {said}. Nothing was sent.",
        where=f"{place}\n  path:  {way} → {destination} {sync.object}{f'.{arrival.column}' if arrival.column else ''}",
        fix=f"{mend}{hash_it}, or change {arrival.verdict.key} in {POLICY_FILE}",
    )


def _state(root: Path, manifest: Manifest) -> str:
    """Return what the answer depends on: the project's files and settings, the policy and the accounts."""
    digest = hashlib.sha256(fingerprint(root).encode())
    for file in (root / POLICY_FILE, connections_path(root)):
        digest.update(file.read_bytes() if file.is_file() else b"")
    if any(node.raw.get("compiled_code") for node in manifest.nodes.values()):
        # It was written by a build, which may have been given other variables than the project's files have.
        digest.update(f"{manifest.path} {manifest.path.stat().st_mtime_ns}".encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _read(kept: Path, state: str) -> set[str]:
    try:
        held = json.loads(kept.read_text(encoding="utf-8"))
        return set(held["passed"]) if held["state"] == state else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write(kept: Path, state: str, passed: set[str]) -> None:
    written = kept.with_suffix(f".{os.getpid()}.tmp")
    written.write_text(json.dumps({"state": state, "passed": sorted(passed)}), encoding="utf-8")
    written.replace(kept)
