"""The life of a sync: recover, settle what is open, plan, guard, send, settle, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from reverse_etl import evidence, guards, leases, retention, runs, seal, tables
from reverse_etl import feed as feeds
from reverse_etl import plan as plans
from reverse_etl.clock import Clock, utc
from reverse_etl.commit import recover
from reverse_etl.connections import Connection
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.errors import ConfigError, GuardTripped, LeaseLost, PlanMoved
from reverse_etl.finish import finish
from reverse_etl.kinds import kind_of
from reverse_etl.report import Plan, Progress, RunReport, Status, silent
from reverse_etl.rows import Outcome
from reverse_etl.seal import Seal
from reverse_etl.send import Sender
from reverse_etl.settle import open_jobs, settle
from warehouse.base import Warehouse
from warehouse.errors import WeftError

_FIELDS = {Outcome.PERMANENT: "refused"}


def plan_sync(
    warehouse: Warehouse,
    sync: SyncDefinition,
    destination_class: type[Destination],
    as_of: datetime,
    clock: Clock | None = None,
    *,
    resync: bool = False,
) -> Plan:
    """Work out what a run would do, store it in ``sync_plan``, and send nothing. Needs no secret.

    Args:
        warehouse: Where the feed and the engine's tables are.
        sync: What to plan.
        destination_class: Its destination.
        as_of: The moment; UTC where it names no zone.
        clock: Dates the plan.
        resync: Whether to plan a resync; see :func:`run_sync`.

    Raises:
        ConfigError: The sync was pointed at another place while the former one holds its rows.
        FeedError: The feed has a null or duplicate key, or lacks a column.
        WarehouseError: The warehouse refused a statement.
    """
    feed = feeds.inspect(warehouse, sync, destination_class)
    tables.ensure(warehouse)
    runs.check_destination(warehouse, sync)
    at = (clock or Clock()).now()
    run_id = runs.new_id(at)
    runs.start(warehouse, run_id, sync, Status.PLANNED, utc(as_of), at)
    spec = destination_class.objects[sync.object]
    plan = plans.make(warehouse, sync, spec, feed, run_id, utc(as_of), preview=True, resync=resync)
    runs.planned(warehouse, plan)
    return plan


def run_sync(
    warehouse: Warehouse,
    sync: SyncDefinition,
    connections: Mapping[str, Connection],
    as_of: datetime,
    progress: Progress | None = None,
    allow: frozenset[str] = frozenset(),
    clock: Clock | None = None,
    *,
    resync: bool = False,
    expect: Seal | None = None,
) -> RunReport:
    """Bring the destination in step with the feed.

    It may be killed at any moment: the next run finds out and ends in the same place. While it runs, no other run of
    the same sync does.

    Args:
        warehouse: Where the feed and the engine's tables are.
        sync: What to do.
        connections: From ``connections.yml``.
        as_of: The run's moment; UTC where it names no zone.
        progress: Is told how far the run has come.
        allow: What a person has decided to let pass once, such as ``removals``; see ``guards.DECISIONS``.
        clock: Dates the ledger and waits for jobs.
        resync: Whether to send everything again and to take out whatever was ever sent and should not be there.
        expect: A plan that was sealed before: the run stops unless it would send exactly that.

    Returns:
        What was done. ``status`` is ``done``, or ``open`` while asynchronous jobs have yet to answer.

    Raises:
        ConfigError: A secret is missing, or the feed cannot be synced as it stands. Nothing was changed.
        GuardTripped: A guard stopped the run; nothing was sent but the removals that people asked for.
        PlanMoved: The plan is not the one that was expected; nothing was sent.
        DestinationRefused: The account or the target refused; what was not sent is planned again by the next run.
        DestinationDown: The destination could not be reached.
        LeaseHeld: Another run of the sync is at work, here or elsewhere.
        LeaseLost: Another run took over from this one; it also takes over what this one had not confirmed.
    """
    if sync.connection not in connections:
        raise ConfigError(
            f"There is no connection {sync.connection!r}.",
            where=sync.where,
            fix=f"connections.yml has: {', '.join(sorted(connections))}",
        )
    destination = connections[sync.connection].open()
    feed = feeds.inspect(warehouse, sync, type(destination))
    tables.ensure(warehouse)
    runs.check_destination(warehouse, sync)
    clock = clock or Clock()
    with leases.hold(warehouse, sync, runs.new_id(clock.now()), clock) as lease:
        run = _Run(
            warehouse, sync, destination, feed, utc(as_of), progress or silent, allow, clock, lease, resync, expect
        )
        return run.run()


@dataclass
class _Run:
    """One run of one sync."""

    warehouse: Warehouse
    sync: SyncDefinition
    destination: Destination
    feed: feeds.Feed
    as_of: datetime
    progress: Progress
    allow: frozenset[str]
    clock: Clock
    lease: leases.Lease
    resync: bool
    expect: Seal | None

    def run(self) -> RunReport:
        """Run, and write down how it ended, unless it is killed."""
        begun, at = self.clock.elapsed(), self.clock.now()
        calls = _calls(self.destination)
        recover(self.warehouse, self.sync.name, at, self.lease.fence)
        self._share_budget()
        self.report = RunReport(self.lease.run_id, self.sync.name, Status.SENDING, self.as_of)
        runs.start(self.warehouse, self.report.run_id, self.sync, Status.SENDING, self.as_of, at)
        self.batches = count(1)
        try:
            self._steps()
        except LeaseLost:
            raise  # the row in `sync_runs` is the other run's by now, which recovers from it
        except WeftError as error:
            self.report.status = Status.STOPPED if isinstance(error, GuardTripped | PlanMoved) else Status.FAILED
            self.report.message = error.what
            raise
        finally:
            # Still SENDING means that something unforeseen, or Ctrl-C, ended the run. Then nothing is written: the row
            # in `sync_runs` stays as a killed run leaves it, and the next run recovers from it.
            if self.report.status is not Status.SENDING:
                self.report.api_calls = _calls(self.destination) - calls
                self.report.seconds = round(self.clock.elapsed() - begun, 3)
                runs.finish(self.warehouse, self.report, self.clock.now())
        retention.prune(self.warehouse, self.sync, self.report.run_id, self.clock.now())
        return self.report

    def _steps(self) -> None:
        settled, _ = self._settle()
        self.report.settled_before = {str(outcome): rows for outcome, rows in sorted(settled.items())}
        plan = self._plan()
        if self.expect is not None:
            seal.check(plan, self.expect)
        stopped_by = guards.tripped(plan, self.allow)
        still_open = bool(open_jobs(self.warehouse, self.sync.name))
        if stopped_by and plan.opted_out:
            spec = self.destination.objects[self.sync.object]
            evidence.keep_only_opted_out(self.warehouse, self.sync, spec, self.report.run_id)
        if plan.opted_out if stopped_by else plan.rows:
            self.destination.check(self._delivery())
            self._send(plan)
            outcomes, jobs = self._settle()
            self._settled(outcomes)
            still_open = bool(jobs)
        if not stopped_by or plan.opted_out:
            finish(self.warehouse, self.sync, self.destination, self._delivery())
        if stopped_by:
            raise guards.stop(plan, stopped_by, self.sync.where, self.allow)
        self.report.status = Status.OPEN if still_open else Status.DONE

    def _delivery(self) -> Delivery:
        """Return what is asked of the destination, with what is known of the feed."""
        kinds = {column.name: kind_of(column.type) for column in self.feed.columns}
        types = {name: kind for name, kind in kinds.items() if kind is not None}
        return replace(self.sync.delivery, fields=frozenset(kinds), types=types)

    def _plan(self) -> Plan:
        self.progress("plan", 0, 0)
        spec = self.destination.objects[self.sync.object]
        with self.lease.long_statement():
            plan = plans.make(
                self.warehouse, self.sync, spec, self.feed, self.report.run_id, self.as_of, resync=self.resync
            )
        runs.planned(self.warehouse, plan)
        self.report.planned = {"add": plan.add, "change": plan.change, "remove": plan.remove, "merge": plan.merge}
        self.report.changed_by_mapping = plan.changed_by_mapping
        self.report.blocked = plan.blocked
        self.report.guards = plan.guards
        self.report.coverage = plan.coverage
        self.report.resync = plan.resync
        self.progress("plan", plan.feed_rows, plan.feed_rows)
        return plan

    def _send(self, plan: Plan) -> None:
        sender = Sender(
            self.warehouse,
            self.sync,
            self.destination,
            self.report.run_id,
            self.clock,
            self.batches,
            self._beat,
            self.lease.fence,
        )
        try:
            sender.send(lambda done: self.progress("send", done, plan.rows))
        finally:
            self._count(sender.outcomes)
            self.report.sent = sum(sender.outcomes.values())

    def _settle(self) -> tuple[Counter[Outcome], list[Any]]:
        return settle(
            self.warehouse,
            self.sync,
            self.destination,
            self.report.run_id,
            self.clock,
            self.batches,
            lambda done, total: self.progress("settle", done, total),
            self._beat,
            self.lease.fence,
        )

    def _beat(self) -> None:
        """Renew the lease when that is due, and look who else uses the account by now."""
        if self.lease.beat():
            self._share_budget()

    def _share_budget(self) -> None:
        """Leave the other machines that deliver to the same account their part of its rate limit."""
        budget = getattr(self.destination.traffic, "budget", None)
        if budget is not None:
            budget.share = 1 / self.lease.machines()

    def _settled(self, outcomes: Counter[Outcome]) -> None:
        """Move rows of this run's jobs from accepted to what became of them."""
        self.report.accepted -= sum(outcomes.values())
        self._count(outcomes)

    def _count(self, outcomes: Counter[Outcome]) -> None:
        for outcome, rows in outcomes.items():
            name = _FIELDS.get(outcome, str(outcome))
            setattr(self.report, name, getattr(self.report, name) + rows)


def _calls(destination: Destination) -> int:
    return int(destination.traffic.calls)
