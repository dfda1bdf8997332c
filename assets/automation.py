"""When things run by themselves, and when they count as stale: one place for all assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

#: The job that refreshes everything, from the raw tables to the destinations.
JOB_NAME = "refresh"


def refresh_job(executor: dg.ExecutorDefinition) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that builds every model and then runs every sync."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        description="From the raw tables to the destinations: every model, every test, every sync.",
        executor_def=executor,
    )


def daily(job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule of the whole graph, off until somebody turns it on."""
    return dg.ScheduleDefinition(name="daily", job=job, cron_schedule="0 5 * * *", execution_timezone="UTC")


def after_feed() -> dg.AutomationCondition[Any]:
    """Return when a sync runs outside the schedule: its feed was rebuilt, and none of the feed's checks failed."""
    return dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()


def freshness() -> dg.FreshnessPolicy:
    """Return how old a published model or a sync may be: a day, with two hours' grace."""
    return dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=25), fail_window=timedelta(hours=26))
