"""Every sync exposure as an asset: it depends on its feed, runs the engine and tells what was planned and arrived."""

# No `from __future__ import annotations` here: Dagster reads the annotations of an asset function as they are.
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import ceil
from typing import Any

import dagster as dg

from assets import automation, sync_checks
from assets.progress import Progress
from assets.resources import ConnectionsResource, PolicyResource, WarehouseResource, moment
from assets.sync_checks import EXIT_CODE
from reverse_etl.connections import Connection
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.drift import Drift, measure
from reverse_etl.engine import run_sync
from reverse_etl.errors import GuardTripped
from reverse_etl.guards import allowed
from reverse_etl.report import RunReport
from warehouse.base import Warehouse
from warehouse.errors import UnexpectedError, WeftError

__all__ = ["ALLOW_TAG", "EXIT_CODE", "destination_assets", "one_line", "run_metadata", "sync_asset", "sync_key"]

#: Run tag with what a person has decided to let pass in this run, such as ``removals,age``.
ALLOW_TAG = "weft/allow"
_BAR = 24  #: characters of the longest bar


def sync_key(sync: SyncDefinition) -> dg.AssetKey:
    """Return the asset key of a sync."""
    return dg.AssetKey(["sync", sync.name])


def destination_key(sync: SyncDefinition) -> dg.AssetKey:
    """Return the asset key of what the sync writes to: the account, the kind of object and, if there is one, which."""
    return dg.AssetKey([sync.connection, sync.object, *([sync.target] if sync.target else [])])


def sync_asset(
    sync: SyncDefinition, destination: type[Destination], feed: dg.AssetKey, pool: str, today: date
) -> dg.AssetsDefinition:
    """Return the asset of one sync, with its checks.

    Args:
        sync: The definition, from the dbt exposure.
        destination: The class of its destination.
        feed: The asset of its feed model.
        pool: The pool of which a run takes a place.
        today: The day against which the end of the API version is judged.
    """
    key = sync_key(sync)
    spec = dg.AssetSpec(
        key,
        deps=[feed],
        skippable=True,
        group_name="reverse_etl",
        kinds={destination.name, "python"},
        owners=[sync.owner["email"]] if sync.owner.get("email") else [],
        description=f"{sync.label}: keeps {destination.label} in step with the feed ({sync.mode}, by {sync.key}).",
        metadata=_definition_metadata(sync, destination),
        automation_condition=automation.after_feed(),
        freshness_policy=automation.freshness(),
    )
    counts = destination.objects[sync.object].counts
    checks = sync_checks.specs(key, destination, sync.object)

    @dg.multi_asset(name=f"sync_{sync.name}", specs=[spec], check_specs=checks, pool=pool, can_subset=False)
    def run(
        context: dg.AssetExecutionContext,
        warehouse: WarehouseResource,
        connections: ConnectionsResource,
        policy: PolicyResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        progress.sync_starts(sync.label)
        try:
            allow = allowed(context.run.tags.get(ALLOW_TAG, "").replace(",", " ").split(), f"run tag {ALLOW_TAG}")
            accounts = connections.load()
            policy.check(sync, accounts)
            with warehouse.open() as opened:
                report = run_sync(opened, sync, accounts, moment(context), progress=progress.sync_step, allow=allow)
                drift = _drift(opened, sync, accounts[sync.connection]) if counts else None
        except GuardTripped as error:
            progress.sync_ends(sync.label, "stopped by a guard")
            yield from sync_checks.stopped(key, error)
            if counts:
                yield sync_checks.drift(key, None)
        except WeftError as error:
            progress.sync_ends(sync.label, "failed")
            raise dg.Failure(
                description=f"{sync.name}: {error}", metadata={EXIT_CODE: error.exit_code}, allow_retries=False
            ) from None
        except Exception as error:
            progress.sync_ends(sync.label, "failed")
            # Dagster would keep the error with its message, which may quote a row, in the event log for good.
            unexpected = UnexpectedError(error, f"The sync {sync.name}")
            raise dg.Failure(
                description=str(unexpected), metadata={EXIT_CODE: unexpected.exit_code}, allow_retries=False
            ) from None
        else:
            progress.sync_ends(sync.label, one_line(report))
            yield dg.MaterializeResult(asset_key=key, metadata=run_metadata(report))
            yield sync_checks.passed_guards(key, report, allow)
            yield sync_checks.delivered(key, report)
            if counts:
                yield sync_checks.drift(key, drift)
        yield sync_checks.api_version(key, destination, today)

    return run


def destination_assets(syncs: Mapping[dg.AssetKey, tuple[SyncDefinition, type[Destination]]]) -> list[dg.AssetSpec]:
    """Return what the syncs write to, as external assets: the right end of the graph.

    Args:
        syncs: The definitions and their destination's classes, by the sync's asset key.
    """
    specs: dict[dg.AssetKey, dg.AssetSpec] = {}
    for key, (sync, destination) in syncs.items():
        known = specs.get(destination_key(sync))
        specs[destination_key(sync)] = dg.AssetSpec(
            destination_key(sync),
            deps=[key, *(dep.asset_key for dep in known.deps)] if known else [key],
            group_name="destinations",
            kinds={destination.name},
            description=f"{destination.label}: {sync.object}{f' {sync.target}' if sync.target else ''}",
            metadata={"documentation": str(destination.documentation[0]), "API version": destination.api_version},
        )
    return list(specs.values())


def one_line(report: RunReport) -> str:
    """Return a run in one line: what was planned and what became of it."""
    planned = ", ".join(f"{count:,} {op}" for op, count in _operations(report).items() if count) or "nothing to do"
    if not report.sent:
        return planned
    outcome = f"{report.applied:,} applied"
    outcome += f", {report.accepted:,} still open" if report.accepted else ""
    outcome += f", {report.refused:,} refused" if report.refused else ""
    return f"{planned} → {outcome}"


def run_metadata(report: RunReport) -> dict[str, Any]:
    """Return what Dagster shows of a run: counts that it can draw over time, and a picture. Never a person."""
    operations = _operations(report)
    rows = [
        *((f"to {op}", count) for op, count in operations.items()),
        *((f"kept back: {reason}", count) for reason, count in report.blocked.items()),
        ("sent", report.sent),
        ("applied", report.applied),
        ("still open", report.accepted),
        ("refused", report.refused),
    ]
    return {
        "report": dg.MetadataValue.md(chart(rows)),
        **{f"planned {op}": count for op, count in operations.items()},
        "sent": report.sent,
        "applied": report.applied,
        "accepted": report.accepted,
        "refused": report.refused,
        **_coverage(report),
        "kept back": sum(report.blocked.values()),
        "API calls": report.api_calls,
        "seconds": round(float(report.seconds), 2),
        "resync": report.resync,
        "run": report.run_id,
    }


def chart(rows: Sequence[tuple[str, int]], head: str = "rows") -> str:
    """Return counts as a table in markdown, each with a bar as long as it is large; a count above 0 shows one."""
    most = max((count for _, count in rows), default=0) or 1
    lines = [f"| {name} | {count:,} | {'█' * ceil(count * _BAR / most)} |" for name, count in rows]
    return "\n".join([f"| {head} | | |", "|---|---:|---|", *lines])


def _coverage(report: RunReport) -> dict[str, int]:
    """Return how many rows had what the vendor finds people by, where it tells of nobody whether it found them."""
    if report.coverage is None:
        return {}
    counts = {f"rows with {column}": count for column, count in report.coverage.having.items()}
    return counts | {"rows with all of these": report.coverage.every, "rows with none of these": report.coverage.none}


def _operations(report: RunReport) -> dict[str, int]:
    return {op: report.planned.get(op, 0) for op in ("add", "change", "merge", "remove")}


def _definition_metadata(sync: SyncDefinition, destination: type[Destination]) -> dict[str, Any]:
    return {
        "connection": sync.connection,
        "destination": destination.label,
        "object": " ".join(part for part in (sync.object, sync.target) if part),
        "mode": str(sync.mode),
        "key": sync.key,
        "purpose": sync.purpose or "none (the rows are not people)",
        "API version": destination.api_version,
        "a removal": destination.objects[sync.object].removal,
    }


def _drift(warehouse: Warehouse, sync: SyncDefinition, connection: Connection) -> Drift | WeftError | None:
    """Compare the destination's own count; what was delivered stands, whatever comes of asking."""
    try:
        return measure(warehouse, sync, connection.open())
    except WeftError as error:
        return error
