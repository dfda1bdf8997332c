"""Adopt: an account that already has members becomes one that a sync knows, before its first run or after a loss.

Every member that the state does not hold gets a row there that is in doubt. The next plan then sends those of the feed
again and, in a mirror, removes the others, under the sync's guards. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from sqlglot import exp

from reverse_etl import leases, runs, tables
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination, Mode
from reverse_etl.errors import ConfigError
from reverse_etl.feed import Feed, key_text
from reverse_etl.report import RunReport, Status
from reverse_etl.rows import Op, Outcome
from warehouse.base import Column, Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import json_object, statement, text

CODE = "adopted"  #: in the ledger: found at the destination, not sent
_REASON = "the destination held this row before the sync knew of it"
_TOLD_EVERY = 1_000  # members

_FORGET = "delete from sync_members where sync_name = $sync"
_COMPARED = """
    select
        member.match_key,
        member.destination_id,
        coalesce(feed.row_key, member.row_key) as row_key,
        feed.profile_id,
        feed.row_key is not null as in_feed,
        state.row_key as state_key,
        coalesce(state.is_held, false) as is_held
    from (
        select $match as match_key, min(row_key) as row_key, max(destination_id) as destination_id
        from sync_members where sync_name = $sync group by 1
    ) as member
    left join (
        select $match_feed as match_key, min($feed_key) as row_key, min($feed_profile) as profile_id
        from feed group by 1
    ) as feed on feed.match_key = member.match_key
    left join (
        select
            $match as match_key,
            min(row_key) as row_key,
            max(case when row_hash is not null or in_doubt or job_id is not null then 1 else 0 end) = 1 as is_held
        from sync_state where sync_name = $sync group by 1
    ) as state on state.match_key = member.match_key
"""
_COUNTS = f"""
select
    count(*) as members,
    count(case when in_feed then 1 end) as in_feed,
    count(case when is_held then 1 end) as held,
    count(case when not is_held and not in_feed then 1 end) as unknown,
    count(case when not is_held then 1 end) as adopted
from ({_COMPARED}) as compared
"""
_MISSING = """
select count(*) as missing
from (
    select $match as match_key from sync_state
    where sync_name = $sync and row_hash is not null and not coalesce(in_doubt, false) and job_id is null
) as held
left join (
    select distinct $match as match_key from sync_members where sync_name = $sync
) as member on member.match_key = held.match_key
where member.match_key is null
"""
# A row that was refused has a place in the state already, without being held.
_KNOWN = f"""
update sync_state set in_doubt = true, destination_id = coalesce(compared.destination_id, sync_state.destination_id)
from ({_COMPARED}) as compared
where sync_state.sync_name = $sync and sync_state.row_key = compared.state_key and not compared.is_held
"""
_LINES = f"""
insert into sync_ledger (
    run_id, sync_name, batch_id, row_key, op, outcome, code, reason, destination_id, recorded_at
)
select
    $run_id, $sync, 0, coalesce(state_key, row_key), $op, $outcome, $code, $reason, destination_id,
    cast($at as timestamp)
from ({_COMPARED}) as compared
where not is_held
"""
_NEW = f"""
insert into sync_state (sync_name, row_key, profile_id, payload, destination_id, in_doubt)
select $sync, row_key, profile_id, $payload, destination_id, true
from ({_COMPARED}) as compared
where not is_held and state_key is null
"""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an account holds, next to what the sync knows of it.

    Attributes:
        sync: The sync's name.
        members: Members of the target, by the destination's word.
        in_feed: Of those, members that the feed has, whether or not they may be sent.
        held: Of those, members that the state holds already.
        unknown: Of those, members that neither the feed nor the state knows: a mirror removes them.
        adopted: Of those, members that the state does not hold: all of them get a row there.
        nameless: Members without a key, which no sync can name; they are left alone.
        missing: Rows that the destination confirmed once, and that are not among its members.
        written: Whether it was done, or only looked at.
    """

    sync: str
    members: int
    in_feed: int
    held: int
    unknown: int
    adopted: int
    nameless: int
    missing: int
    written: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)


def adopt(
    warehouse: Warehouse,
    sync: SyncDefinition,
    destination: Destination,
    feed: Feed,
    run_id: str,
    clock: Clock,
    *,
    write: bool,
    progress: Callable[[int], None] = lambda members: None,
) -> Adoption:
    """Compare what a destination holds with what the state knows; and let the state know of it.

    Killed at any moment, it has changed nothing or everything, and can be repeated.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        destination: Its destination, which lists members.
        feed: The inspected feed.
        run_id: A name for this, which becomes a run in ``sync_runs`` when something is written.
        clock: Dates what is written.
        write: Whether to write, or only to look.
        progress: Is told how many members were read.

    Raises:
        ConfigError: The destination does not list members, or the sync only appends.
        LeaseHeld: A run is under way.
    """
    _check(sync, destination)
    tables.ensure(warehouse)
    runs.check_destination(warehouse, sync)
    with leases.hold(warehouse, sync, run_id, clock) as lease:
        destination.check(sync.delivery)
        reader = _Reader(lease, progress)
        with _staged(warehouse, sync):
            into = tables.relations(warehouse)["sync_members"]
            warehouse.insert(into, ("sync_name", "row_key", "destination_id"), reader.rows(destination))
            values = _values(warehouse, sync, destination, feed)
            with lease.long_statement():
                [counted] = warehouse.query(_built(warehouse, sync, _COUNTS, values))
                [absent] = warehouse.query(_built(warehouse, sync, _MISSING, values))
            counts = {name: int(number) for name, number in (counted | absent).items()}
            found = Adoption(sync.name, nameless=reader.nameless, written=write, **counts)
            if write:
                _write(warehouse, sync, lease, found, values)
    return found


@contextmanager
def _staged(warehouse: Warehouse, sync: SyncDefinition) -> Iterator[None]:
    """Keep members in the warehouse no longer than they are needed: they are people."""
    tables.run(warehouse, _FORGET, sync=sync.name)
    try:
        yield
    except BaseException:
        with suppress(WarehouseError):  # what went wrong before is worth more; the next call begins by forgetting
            tables.run(warehouse, _FORGET, sync=sync.name)
        raise
    tables.run(warehouse, _FORGET, sync=sync.name)


@dataclass
class _Reader:
    """Hands on members as rows, and keeps the lease meanwhile."""

    lease: leases.Lease
    progress: Callable[[int], None]
    nameless: int = 0

    def rows(self, destination: Destination) -> Iterator[tuple[str, str, str | None]]:
        sync = self.lease.sync
        for number, member in enumerate(destination.members(sync.delivery), 1):
            if number % _TOLD_EVERY == 0:
                self.lease.beat()
                self.progress(number)
            if not (member.key and member.key.strip()):
                self.nameless += 1
                continue
            yield sync.name, member.key, member.destination_id


def _check(sync: SyncDefinition, destination: Destination) -> None:
    if not destination.objects[sync.object].lists_members:
        listing = sorted(name for name, spec in destination.objects.items() if spec.lists_members)
        raise ConfigError(
            f"{destination.label} does not tell what {sync.object} holds, so there is nothing to adopt.",
            where=sync.where,
            fix=f"it tells that of: {', '.join(listing)}" if listing else "a first run of the sync sends everybody",
        )
    if sync.mode is Mode.APPEND:
        raise ConfigError(
            "An append sync sends every key once, so there is nothing to adopt.",
            where=sync.where,
            fix="adopt with a sync whose mode is mirror, upsert or update",
        )


def _values(warehouse: Warehouse, sync: SyncDefinition, destination: Destination, feed: Feed) -> dict[str, Any]:
    """Return how keys are compared: as the destination compares them."""
    is_email = destination.objects[sync.object].identifiers.get(sync.key, sync.key) == "email"

    def matched(key: exp.Expr) -> exp.Expr:
        return exp.func("lower", exp.func("trim", key)) if is_email else exp.func("trim", key)

    profile = text(feed.profile.expression()) if feed.profile else exp.cast(exp.null(), "text")
    members = warehouse.columns(tables.relations(warehouse)["sync_members"])
    [stored] = [column for column in members if column.name == "row_key"]
    return {
        "match": matched(exp.column("row_key")),
        "match_feed": matched(key_text(feed)),
        "feed_key": key_text(feed),
        "feed_profile": profile,
        "payload": json_object([Column(sync.key, stored.stored, stored.type)], warehouse.dialect),
    }


def _write(
    warehouse: Warehouse, sync: SyncDefinition, lease: leases.Lease, found: Adoption, values: dict[str, Any]
) -> None:
    at = lease.clock.now()
    line = {"op": str(Op.ADD), "outcome": str(Outcome.AMBIGUOUS), "code": CODE, "reason": _REASON}
    report = RunReport(lease.run_id, sync.name, Status.DONE, at, message=f"adopted {found.adopted} members")
    with warehouse.transaction():
        runs.start(warehouse, lease.run_id, sync, Status.DONE, at, at)
        for change in (_LINES, _KNOWN, _NEW):
            warehouse.execute(_built(warehouse, sync, change, values, run_id=lease.run_id, at=at.isoformat(), **line))
        runs.finish(warehouse, report, lease.clock.now())
        lease.fence()


def _built(warehouse: Warehouse, sync: SyncDefinition, sql: str, values: dict[str, Any], **more: Any) -> exp.Expr:
    known = tables.relations(warehouse) | {"feed": sync.feed}
    return statement(sql, known, sync=sync.name, **values, **more)
