"""Every sync exposure as an asset: it depends on its feed, runs the engine and tells what was planned and arrived."""

# No `from __future__ import annotations` here: Dagster reads the annotations of an asset function as they are.
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets import automation
from assets.progress import Progress
from assets.resources import ConnectionsResource, WarehouseResource, moment
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.engine import run_sync
from reverse_etl.errors import GuardTripped
from reverse_etl.report import RunReport
from warehouse.errors import WeftError

#: Metadata key of a failure: the exit code that a terminal should end with.
EXIT_CODE = "exit_code"
#: How long before a vendor stops answering an API version the asset check begins to warn.
_VERSION_NOTICE = timedelta(days=90)


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
    checks = [
        dg.AssetCheckSpec("guards", asset=key, description="Nothing was sent that a guard of the sync forbids."),
        dg.AssetCheckSpec("delivered", asset=key, description="The destination took every row that was sent."),
        dg.AssetCheckSpec(
            "api_version", asset=key, description="The vendor still answers this API version in 90 days."
        ),
    ]

    @dg.multi_asset(name=f"sync_{sync.name}", specs=[spec], check_specs=checks, pool=pool, can_subset=False)
    def run(
        context: dg.AssetExecutionContext,
        warehouse: WarehouseResource,
        connections: ConnectionsResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        progress.sync_starts(sync.label)
        try:
            with warehouse.open() as opened:
                report = run_sync(opened, sync, connections.load(), moment(context), progress=progress.sync_step)
        except GuardTripped as error:
            progress.sync_ends(sync.label, "stopped by a guard, nothing sent")
            yield from _stopped(key, error)
        except WeftError as error:
            progress.sync_ends(sync.label, "failed")
            raise dg.Failure(
                description=f"{sync.name}: {error}", metadata={EXIT_CODE: error.exit_code}, allow_retries=False
            ) from None
        else:
            progress.sync_ends(sync.label, one_line(report))
            yield dg.MaterializeResult(asset_key=key, metadata=run_metadata(report))
            yield dg.AssetCheckResult(asset_key=key, check_name="guards", passed=True)
            yield _delivered(key, report)
        yield _api_version(key, destination, today)

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
            metadata={"documentation": destination.documentation, "API version": destination.api_version},
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
    """Return what Dagster shows of a run: counts that it can draw over time, and a table to read. Never a person."""
    operations = _operations(report)
    rows = [(f"to {op}", count) for op, count in operations.items()]
    rows += [(f"kept back: {reason}", count) for reason, count in report.blocked.items()]
    rows += [
        ("sent", report.sent),
        ("applied", report.applied),
        ("still open", report.accepted),
        ("refused", report.refused),
    ]
    table = "\n".join(["| rows | |", "|---|---:|", *(f"| {name} | {count:,} |" for name, count in rows)])
    return {
        "report": dg.MetadataValue.md(table),
        **{f"planned {op}": count for op, count in operations.items()},
        "sent": report.sent,
        "applied": report.applied,
        "accepted": report.accepted,
        "refused": report.refused,
        "kept back": sum(report.blocked.values()),
        "API calls": report.api_calls,
        "seconds": round(float(report.seconds), 2),
        "run": report.run_id,
    }


def _operations(report: RunReport) -> dict[str, int]:
    return {str(op): report.planned.get(op, 0) for op in ("add", "change", "remove")}


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


def _stopped(key: dg.AssetKey, error: GuardTripped) -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(
        asset_key=key, check_name="guards", passed=False, description=str(error), metadata={EXIT_CODE: error.exit_code}
    )
    yield dg.AssetCheckResult(
        asset_key=key, check_name="delivered", passed=True, description="A guard stopped the run: nothing was sent."
    )


def _delivered(key: dg.AssetKey, report: RunReport) -> dg.AssetCheckResult:
    missing = report.sent - report.applied - report.accepted
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="delivered",
        passed=missing <= 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{missing:,} of {report.sent:,} rows were not taken; the ledger says why, row by row."
        if missing > 0
        else None,
    )


def _api_version(key: dg.AssetKey, destination: type[Destination], today: date) -> dg.AssetCheckResult:
    ends = destination.api_version_ends
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="api_version",
        passed=ends is None or ends - today > _VERSION_NOTICE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"API version": destination.api_version, "ends": str(ends or "not announced")},
    )
