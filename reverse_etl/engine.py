"""The life of a sync: recover, settle, plan, guard, send, settle, report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reverse_etl.connections import Connection
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.report import Plan, Progress, RunReport, silent
from warehouse.base import Warehouse


def plan_sync(
    warehouse: Warehouse, sync: SyncDefinition, destination_class: type[Destination], as_of: datetime
) -> Plan:
    """Work out what a run would do, store it in ``sync_plan``, and send nothing.

    Raises:
        FeedError: The feed has a null or duplicate key, or lacks a column.
        WarehouseError: The warehouse refused a statement.
    """
    raise NotImplementedError


def run_sync(
    warehouse: Warehouse,
    sync: SyncDefinition,
    connections: Mapping[str, Connection],
    as_of: datetime,
    progress: Progress = silent,
    allow: frozenset[str] = frozenset(),
) -> RunReport:
    """Bring the destination in step with the feed.

    Args:
        warehouse: Where the feed and the engine's tables are.
        sync: What to do.
        connections: From ``connections.yml``.
        as_of: The run's moment, in UTC.
        progress: Is told how far the run has come.
        allow: Names of guards that a person has decided to overrule for this run.

    Returns:
        What was done. ``status`` is ``done``, or ``open`` while asynchronous jobs have yet to answer.

    Raises:
        ConfigError: A secret is missing, or the feed cannot be synced as it stands.
        GuardTripped: A guard stopped the run; nothing was sent.
        DestinationRefused: The account or the target refused; what was not sent is planned again by the next run.
        DestinationDown: The destination could not be reached.
    """
    raise NotImplementedError
