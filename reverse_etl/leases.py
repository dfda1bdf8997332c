"""Leases: one run of a sync at a time, whichever machines it is started on.

A lease is a row of ``sync_leases`` that names its owner. A run renews it while it works, and once more inside every
transaction that announces rows before they leave or commits what became of them: a run whose lease was taken over finds
no row of its own there, and its transaction is rolled back. So an overlap never makes a wrong entry, and what a stalled
run may still send is what it had announced, which its successor found to be in doubt.

A dead owner's lease is free at once where the process can be looked up, and after ``LEASE_SECONDS`` elsewhere. The
machines' own clocks are compared; where they differ by minutes a lease may change hands early, and the above holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reverse_etl import tables
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.errors import LeaseHeld, LeaseLost
from reverse_etl.place import Place
from warehouse.base import Warehouse
from warehouse.errors import WarehouseError

LEASE_SECONDS = 300  #: without a renewal for so long, a lease of another machine is free
BEAT_SECONDS = 30  #: how often a run renews its lease while it waits
LONGEST_STATEMENT = 3_600  #: how long one statement, during which nobody can renew, may take
_TRIES = 5  # two who take at once may be refused by the warehouse, of which one then finds it held
_PAUSE = 0.05  # seconds, doubled with each try

_SEED = """
insert into sync_leases (sync_name, connection)
select $sync, $connection where not exists (select 1 from sync_leases where sync_name = $sync)
"""
_ROWS = """
select sync_name, connection, owner, host, pid, run_id, acquired_at, renewed_at from sync_leases
where sync_name = $sync and owner is not null
order by acquired_at, owner
"""
_FREE = "update sync_leases set owner = null where sync_name = $sync and owner = $owner"
_TAKE = """
update sync_leases set
    connection = $connection, owner = $owner, host = $host, pid = $pid, run_id = $run_id,
    acquired_at = cast($now as timestamp), renewed_at = cast($now as timestamp)
where sync_name = $sync and not exists (
    select 1 from sync_leases as other
    where other.sync_name = $sync and other.owner is not null and other.renewed_at >= cast($expired as timestamp)
)
"""
# Two who insert the missing row at once leave two, and each may have seen only its own: then the older owner keeps it.
_RENEW = """
update sync_leases set renewed_at = cast($until as timestamp)
where sync_name = $sync and owner = $owner and not exists (
    select 1 from sync_leases as other
    where other.sync_name = $sync and other.owner <> $owner and other.renewed_at >= cast($expired as timestamp)
        and (
            other.acquired_at < cast($acquired as timestamp)
            or other.acquired_at = cast($acquired as timestamp) and other.owner < $owner
        )
)
"""
_COUNT = "select count(*) as count_rows from sync_leases where sync_name = $sync"
_CLEAR = "delete from sync_leases where sync_name = $sync and (owner is null or owner = $owner)"
_KEEP = """
insert into sync_leases (sync_name, connection, owner, host, pid, run_id, acquired_at, renewed_at)
values ($sync, $connection, $owner, $host, $pid, $run_id, cast($now as timestamp), cast($now as timestamp))
"""
_BACK_OFF = "delete from sync_leases where sync_name = $sync and owner = $owner"
_LIVE = """
select owner, host, pid from sync_leases
where connection = $connection and owner is not null and renewed_at >= cast($expired as timestamp)
"""


@contextmanager
def hold(
    warehouse: Warehouse, sync: SyncDefinition, run_id: str, clock: Clock, place: Place | None = None
) -> Iterator[Lease]:
    """Hold the lease of a sync; the engine's tables must be there.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        run_id: The run that is going to hold it, for others to read.
        clock: Dates the lease.
        place: Where this process runs; found out when left out.

    Raises:
        LeaseHeld: Another run holds it and is alive.
    """
    lease = Lease(warehouse, sync, run_id, clock, place or Place.here())
    lease.take()
    try:
        yield lease
    except BaseException:
        # What ended the run is worth more than why its lease could not be given back: that frees itself.
        with suppress(WarehouseError):
            lease.release()
        raise
    lease.release()


@dataclass
class Lease:
    """The lease of one sync. To be used by the thread that owns the warehouse's connection."""

    warehouse: Warehouse
    sync: SyncDefinition
    run_id: str
    clock: Clock
    place: Place

    def __post_init__(self) -> None:
        self.owner = self.place.owner()
        self._acquired = ""
        self._beaten = 0.0
        self._dated = self.clock.now()

    def take(self) -> None:
        """Take the lease, from nobody or from a dead owner.

        Raises:
            LeaseHeld: A living run holds it.
            WarehouseError: The warehouse refused a statement, and did so again.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                self._take()
                return
            except WarehouseError:
                if attempt == _TRIES:
                    raise
            self.clock.sleep(_PAUSE * 2**attempt)

    def fence(self) -> None:
        """Renew the lease, as the last statement of a transaction that announces rows or commits their results.

        Last, because until the transaction ends it keeps other syncs on Snowflake from renewing theirs.

        Raises:
            LeaseLost: Another run took over; the transaction must be rolled back.
        """
        self._renew()

    def beat(self) -> bool:
        """Renew the lease if that is due, and tell whether it was.

        Raises:
            LeaseLost: Another run took over.
        """
        waited = self.clock.elapsed() - self._beaten
        # A machine that slept finds its steady clock where it was; the time of day tells.
        if waited < BEAT_SECONDS and abs((self.clock.now() - self._dated).total_seconds()) < BEAT_SECONDS:
            return False
        self._renew()
        return True

    @contextmanager
    def long_statement(self, seconds: float = LONGEST_STATEMENT) -> Iterator[None]:
        """Keep the lease, without renewals, for as long as one statement may take.

        Should the machine die meanwhile, other machines wait for all of that time; this one does not have to.

        Raises:
            LeaseLost: Another run took over.
        """
        self._renew(ahead=seconds)
        yield
        self._renew()

    def machines(self) -> int:
        """Return how many machines are at work on this lease's connection, this one among them."""
        live = self._ask(_LIVE, connection=self.sync.connection, expired=self._expired(self.clock.now()))
        machines = {str(row["owner"]).split(".")[1] for row in live if not self._has_ended(row)}
        return len(machines | {self.place.machine})

    def release(self) -> None:
        """Give the lease back, unless somebody else has it by now."""
        tables.run(self.warehouse, _FREE, sync=self.sync.name, owner=self.owner)

    def _take(self) -> None:
        sync, now = self.sync.name, self.clock.now()
        for row in self._ask(_ROWS, sync=sync):
            if self._has_ended(row):
                tables.run(self.warehouse, _FREE, sync=sync, owner=row["owner"])
        values = {
            "sync": sync,
            "connection": self.sync.connection,
            "owner": self.owner,
            "host": self.place.host,
            "pid": self.place.pid,
            "run_id": self.run_id,
            "now": now.isoformat(),
        }
        tables.run(self.warehouse, _SEED, sync=sync, connection=self.sync.connection)
        tables.run(self.warehouse, _TAKE, **values, expired=self._expired(now))
        self._acquired = now.isoformat()
        held = self._ask(_ROWS, sync=sync)
        live = [row for row in held if row["renewed_at"] >= now - timedelta(seconds=LEASE_SECONDS)]
        if not live or live[0]["owner"] != self.owner:
            tables.run(self.warehouse, _BACK_OFF, sync=sync, owner=self.owner)
            raise self._held(live[0] if live else None)
        [counted] = self._ask(_COUNT, sync=sync)
        if counted["count_rows"] != 1:
            with self.warehouse.transaction():
                tables.run(self.warehouse, _CLEAR, sync=sync, owner=self.owner)
                tables.run(self.warehouse, _KEEP, **values)
        self._beaten, self._dated = self.clock.elapsed(), now

    def _renew(self, ahead: float = 0.0) -> None:
        now = self.clock.now()
        changed = tables.run(
            self.warehouse,
            _RENEW,
            sync=self.sync.name,
            owner=self.owner,
            until=(now + timedelta(seconds=ahead)).isoformat(),
            acquired=self._acquired,
            expired=self._expired(now),
        )
        if not changed:
            rows = [row for row in self._ask(_ROWS, sync=self.sync.name) if row["owner"] != self.owner]
            by = f": {_described(rows[0])}" if rows else ""
            raise LeaseLost(
                f"Another run of {self.sync.name!r} took over from this one{by}.",
                where=f"run {self.run_id}, table {tables.relations(self.warehouse)['sync_leases']}",
                fix="let that run finish: it also takes over what this one had not confirmed. A machine that slept, or "
                f"was cut off from the warehouse, for more than {LEASE_SECONDS} seconds loses its lease",
            )
        self._beaten, self._dated = self.clock.elapsed(), now

    def _held(self, row: dict[str, Any] | None) -> LeaseHeld:
        where = f"table {tables.relations(self.warehouse)['sync_leases']}"
        if row is None:
            return LeaseHeld(
                f"Another run of {self.sync.name!r} began at the same moment.", where=where, fix="run it again"
            )
        free = row["renewed_at"] + timedelta(seconds=LEASE_SECONDS)
        same = str(row["owner"]).split(".")[1] == self.place.machine
        end = f"end it with `kill {row['pid']}`" + ("" if same else f" on {row['host']}")
        return LeaseHeld(
            f"Another run of {self.sync.name!r} is under way: {_described(row)}.",
            where=where,
            fix=f"wait for it, or {end}; if nothing renews it, its lease is free at {_shown(free)} UTC",
        )

    def _has_ended(self, row: dict[str, Any]) -> bool:
        return self.place.has_ended(str(row["owner"]), int(row["pid"]))

    def _ask(self, sql: str, **values: object) -> list[dict[str, Any]]:
        return tables.ask(self.warehouse, sql, **values)

    @staticmethod
    def _expired(now: datetime) -> str:
        return (now - timedelta(seconds=LEASE_SECONDS)).isoformat()


def _described(row: dict[str, Any]) -> str:
    return (
        f"run {row['run_id']}, process {row['pid']} on {row['host']}, since {_shown(row['acquired_at'])} UTC, "
        f"last renewed {_shown(row['renewed_at'])} UTC"
    )


def _shown(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
