"""What the assets stand on: the warehouse, the connections, the dbt command and the moment of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource
from packaging.version import Version

from lineage.gate import check_policy
from reverse_etl.connections import Connection, load_connections
from reverse_etl.definitions import SyncDefinition
from warehouse.base import Warehouse
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse
from warehouse.project import prepare_manifest, run_moment


class DbtCommand(DbtCliResource):
    """dbt as a command, without the two things that dagster-dbt does before each one.

    It asks ``dbt --version`` and loads dbt's adapter into this process, for features that are not used here (row
    counts and column metadata). Together they take longer than most builds.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The warehouse of the dbt profile.

    Attributes:
        project_dir: The folder of the dbt project.
    """

    project_dir: str

    def open(self) -> Warehouse:
        """Return the warehouse, to be used as a context manager; each step has its own connection."""
        return open_warehouse(Path(self.project_dir))


class ConnectionsResource(dg.ConfigurableResource[Any]):
    """The destination accounts of ``connections.yml``.

    Attributes:
        path: The file.
    """

    path: str

    def load(self) -> Mapping[str, Connection]:
        """Return the connections, with their secrets from the environment."""
        return load_connections(Path(self.path))


class PolicyResource(dg.ConfigurableResource[Any]):
    """The policy of the project: which labels may reach which destination.

    Attributes:
        project_dir: The folder of the dbt project.
    """

    project_dir: str

    def check(self, sync: SyncDefinition, connections: Mapping[str, Connection]) -> None:
        """Return when the sync's feed may go where it goes.

        Raises:
            ConfigError: It breaks the policy, or nobody can tell.
        """
        root = Path(self.project_dir)
        check_policy(root, Manifest.load(prepare_manifest(root)), connections, [sync])


def moment(context: dg.AssetExecutionContext) -> datetime:
    """Return the run's moment, the same for all of its steps: ``WEFT_AS_OF``, or when the run started (UTC, no zone).

    It is handed on to dbt through the environment of this process, which works for one run.
    """
    if not os.environ.get("WEFT_AS_OF"):
        record = context.instance.get_run_record_by_id(context.run_id)
        started = datetime.fromtimestamp(record.start_time, UTC) if record and record.start_time else datetime.now(UTC)
        os.environ["WEFT_AS_OF"] = started.isoformat(timespec="seconds")
    return run_moment()
