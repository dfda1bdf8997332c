"""What a command needs of the project: manifest, syncs, connections and warehouse, each read when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import ConfigError, raise_all
from warehouse.project import connections_path, prepare_manifest, project_root

if TYPE_CHECKING:
    from reverse_etl.connections import Connection
    from reverse_etl.definitions import SyncDefinition
    from warehouse.base import Warehouse
    from warehouse.manifest import Manifest


@dataclass
class Session:
    """One call of the command line in one project.

    Attributes:
        root: The project's folder.
    """

    root: Path = field(default_factory=project_root)

    @cached_property
    def manifest(self) -> Manifest:
        """The parsed dbt project, parsed again first if a file of it has changed."""
        from warehouse.manifest import Manifest

        return Manifest.load(prepare_manifest(self.root))

    @cached_property
    def connections(self) -> dict[str, Connection]:
        """The destination accounts; their secrets are read when one is used."""
        from reverse_etl.connections import load_connections

        return load_connections(connections_path(self.root))

    @cached_property
    def syncs(self) -> list[SyncDefinition]:
        """Every sync of the project, all of them valid."""
        from reverse_etl.definitions import load_syncs

        return load_syncs(self.manifest, self.connections)

    def chosen(self, name: str | None) -> Sequence[SyncDefinition]:
        """Return the sync of that name, or all of them without one.

        Raises:
            ConfigError: There is no such sync.
        """
        if name is None:
            return self.syncs
        found = [sync for sync in self.syncs if sync.name == name]
        if not found:
            names = [sync.name for sync in self.syncs]
            close = get_close_matches(name, names, n=1)
            raise ConfigError(
                f"There is no sync called {name!r}.",
                where="the exposures under models/",
                fix=f"Did you mean {close[0]!r}?"
                if close
                else f"Use one of: {', '.join(names) or 'none is defined yet'}.",
            )
        return found

    def check_policy(self, syncs: Sequence[SyncDefinition]) -> None:
        """Return when no label of these syncs' feeds reaches a destination that the policy keeps it from.

        It needs no warehouse, and on DuckDB it is asked before the file is opened.

        Raises:
            ConfigError: A feed breaks the policy, or nobody can tell.
        """
        from lineage.gate import check_policy

        check_policy(self.root, self.manifest, self.connections, syncs)

    def check_feeds(self, warehouse: Warehouse, syncs: Sequence[SyncDefinition]) -> None:
        """Return when every feed can be synced, so that an unfit one stops all syncs before anything is sent.

        Raises:
            ConfigError: A feed is missing, lacks a column, or its key is null or not unique.
        """
        from reverse_etl import feed
        from reverse_etl.destinations import registry

        problems = []
        for sync in syncs:
            try:
                feed.inspect(warehouse, sync, registry.get(sync.destination))
            except ConfigError as error:
                problems.append(error)
        raise_all(problems, "feeds cannot be synced")

    def warehouse(self) -> Warehouse:
        """Open the warehouse of the dbt profile."""
        from warehouse.profile import open_warehouse

        return open_warehouse(self.root)
