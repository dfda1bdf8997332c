"""The lineage of the project at hand: its manifest, its compiled SQL, its labels and its policy, each read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lineage.graph import Graph, read_project
from lineage.labels import declared_labels
from lineage.policy import Policy, load_policy
from lineage.trace import Tracer
from reverse_etl.connections import Connection
from reverse_etl.definitions import SyncDefinition
from warehouse.compiled import compile_project
from warehouse.manifest import Manifest


@dataclass
class ProjectLineage:
    """Where the columns of a project come from.

    Attributes:
        root: The project's folder.
        manifest: The parsed project.
        connections: The accounts of ``connections.yml``.
        syncs: The syncs whose feeds are asked about.
    """

    root: Path
    manifest: Manifest
    connections: Mapping[str, Connection]
    syncs: Sequence[SyncDefinition]

    @cached_property
    def policy(self) -> Policy:
        """The policy, checked against the syncs."""
        has_people = any(sync.purpose for sync in self.syncs)
        purposes = self.manifest.seed_values("purposes", "purpose") if has_people else ()
        return load_policy(self.root, self.connections, [sync.destination for sync in self.syncs], purposes)

    @cached_property
    def graph(self) -> Graph:
        """The columns of the project, each tied to those that it comes from."""
        return read_project(self.manifest, self._compiled(), self.root, self.manifest.adapter)

    @cached_property
    def tracer(self) -> Tracer:
        """Follows columns."""
        return Tracer(self.graph, declared_labels(self.manifest, self.policy), self.policy)

    def _compiled(self) -> Mapping[str, str]:
        """Return the models' SQL: that of the build that wrote the manifest if it has all of it, else compiled now.

        A build may have been given variables that the project's files do not have, so what it ran is better than what
        those would compile to.
        """
        needed = {node for sync in self.syncs for node in sync.upstream}
        built = {
            node.unique_id: str(code)
            for node in self.manifest.nodes.values()
            if node.kind == "model" and (code := node.raw.get("compiled_code"))
        }
        models = {node for node in needed if node in self.manifest.nodes and self.manifest.nodes[node].kind == "model"}
        if models and models <= built.keys():
            return built
        return compile_project(self.root)
