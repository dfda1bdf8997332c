"""The asset checks of a sync: what stopped it, what was not taken, what the destination counts, when its API ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from reverse_etl.destinations import catalogue
from reverse_etl.destinations.base import Destination
from reverse_etl.drift import Drift
from reverse_etl.errors import GuardTripped
from reverse_etl.report import GuardResult, RunReport
from warehouse.errors import WeftError

#: Metadata key of a failure: the exit code that a terminal should end with.
EXIT_CODE = "exit_code"
#: How long before a vendor stops answering an API version the asset check begins to warn.
_NOT_SENT = "A guard stopped the run."


def specs(key: dg.AssetKey, destination: type[Destination], object_name: str) -> list[dg.AssetCheckSpec]:
    """Return the checks of a sync; ``drift`` only where the destination tells how many it holds."""
    described = {
        "guards": "Nothing was sent that a guard of the sync forbids.",
        "delivered": "The destination took every row that was sent.",
        "api_version": "The vendor still answers this API version in 90 days.",
    }
    if destination.objects[object_name].counts:
        described["drift"] = "The destination holds as many as it confirmed, within the sync's tolerance."
    return [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in described.items()]


def passed_guards(key: dg.AssetKey, report: RunReport, allow: frozenset[str]) -> dg.AssetCheckResult:
    """Return the check of a run that no guard stopped, with what a person let pass."""
    metadata: dict[str, Any] = {"guards": dg.MetadataValue.md(guard_table(report.guards))} if report.guards else {}
    if allow:
        metadata["let pass once"] = ", ".join(sorted(allow))
    return dg.AssetCheckResult(asset_key=key, check_name="guards", passed=True, metadata=metadata)


def stopped(key: dg.AssetKey, error: GuardTripped) -> Iterator[dg.AssetCheckResult]:
    """Yield the checks of a run that a guard stopped: it failed, but for no fault in the code."""
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="guards",
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=str(error),
        metadata={EXIT_CODE: error.exit_code, "guards": dg.MetadataValue.md(guard_table(error.guards))},
    )
    yield dg.AssetCheckResult(asset_key=key, check_name="delivered", passed=True, description=_NOT_SENT)


def delivered(key: dg.AssetKey, report: RunReport) -> dg.AssetCheckResult:
    """Return whether the destination took every row, which it may not have done for reasons of its own."""
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


def drift(key: dg.AssetKey, found: Drift | WeftError | None) -> dg.AssetCheckResult:
    """Return how the destination's own count compares with what it confirmed.

    Args:
        key: The sync's asset.
        found: The comparison, or why there is none.
    """
    if not isinstance(found, Drift):
        told = f"The destination could not be asked: {found.what}" if found else _NOT_SENT
        return dg.AssetCheckResult(
            asset_key=key,
            check_name="drift",
            passed=found is None,
            severity=dg.AssetCheckSeverity.WARN,
            description=told,
        )
    there, held = _range(found.there_low, found.there_high), _range(found.held_low, found.held_high)
    allowed = found.tolerance or "any difference"
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="drift",
        passed=not found.is_outside,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"It says that it holds {there}; it confirmed {held}. Allowed: {allowed}.",
        metadata={"it holds": found.there_low, "it confirmed": found.held_low, "difference": found.difference},
    )


def api_version(key: dg.AssetKey, destination: type[Destination], today: date) -> dg.AssetCheckResult:
    """Return whether the vendor will answer for a while, as far as it says."""
    ends = destination.api_version_ends
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="api_version",
        passed=ends is None or ends - today > catalogue.NOTICE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"API version": destination.api_version, "ends": str(ends or "not announced")},
    )


def guard_table(guards: Sequence[GuardResult]) -> str:
    """Return how a plan stands against guards, as a table in markdown."""
    rows = [
        f"| {'**stops**' if guard.tripped else 'holds'} | {guard.name} | {guard.limit} | {guard.actual} |"
        for guard in guards
    ]
    return "\n".join(["| | guard | allows | the plan has |", "|---|---|---|---|", *rows])


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
