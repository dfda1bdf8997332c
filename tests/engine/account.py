"""A destination in memory, with faults that a test can switch on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Destination,
    Family,
    Limits,
    Member,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    Settings,
    Tally,
)
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult


class Killed(BaseException):
    """Stands for a process that ends on the spot."""


class AccountSettings(Settings):
    """Nothing to set."""


Answer = Callable[[Op, Sequence[Row]], None]


@dataclass
class Account:
    """What the vendor holds, and what it has been told to do wrong.

    Attributes:
        rows: What it holds: key to payload.
        seen: Every key that ever arrived, with its op, in order.
        refused: Keys that it refuses for good.
        flaky: Keys that it asks to send again.
        poison: Keys that make it refuse the whole batch.
        before: Called before a batch is taken; may raise.
        after: Called after a batch was taken; may raise.
        slow: How often a job is still open when it is asked after.
        jobs: Open jobs.
        calls: Batches that arrived: op and keys.
        carried: For each row that arrived, its key and the columns that came with it.
        merged: Records that were folded into another: the loser's key and the survivor's.
        lock: Held while a batch is taken, for batches arrive from several threads.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[Op, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    flaky: set[str] = field(default_factory=set)
    poison: set[str] = field(default_factory=set)
    before: Answer | None = None
    after: Answer | None = None
    slow: int = 0
    jobs: dict[str, tuple[Op, list[Row]]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[Op, list[str]]] = field(default_factory=list)
    checked: int = 0
    carried: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    merged: list[tuple[str, str | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, op: Op, row: Row, delivery: Delivery, *, partial: bool) -> None:
        """Hold a row, or no longer hold it.

        Args:
            op: What to do.
            row: The row.
            delivery: Says what an empty value does.
            partial: Whether a change carries the changed columns alone.
        """
        if op is Op.MERGE:
            self.merged.append((row.key, row.into))
        if op in (Op.REMOVE, Op.MERGE):
            self.rows.pop(row.key, None)
            return
        held = self.rows.get(row.key, {})
        sent = dict(row.payload)
        if partial and op is Op.CHANGE and held:
            sent = {column: value for column, value in sent.items() if column in row.changed or column == delivery.key}
        sent = {column: value for column, value in sent.items() if _writes(delivery, column, value, row, held)}
        self.carried.append((row.key, frozenset(sent)))
        # looked at through the feed's columns: what it has no column for any more does not show
        self.rows[row.key] = {column: sent.get(column, held.get(column)) for column in row.payload}


def _writes(delivery: Delivery, column: str, value: Any, row: Row, held: Mapping[str, Any]) -> bool:
    """Tell whether a value is written to the field, by the column's policy."""
    policy = delivery.policy(column)
    if policy is NullPolicy.SET_IF_EMPTY:
        return value is not None and held.get(column) is None
    if value is not None or policy is NullPolicy.CLEAR:
        return True
    return policy is NullPolicy.CLEAR_OWN and column in row.changed


def _spec(**changes: Any) -> ObjectSpec:
    limits = Limits(rows=4, bytes=10_000, calls_per_second=10)
    settings: dict[str, Any] = {
        "modes": frozenset(Mode),
        "keys": frozenset({"email", "external_id"}),
        "columns": frozenset({"email", "phone", "first_name"}),
        "identifiers": {"email": "email", "phone": "phone"},
        "limits": dict.fromkeys(Op, limits),
    }
    return ObjectSpec(**settings | changes)


class Memory(Destination):
    """The destination itself."""

    name = "memory"
    label = "Memory"
    api_version = "1"
    api_version_ends: ClassVar[date | None] = None
    family = Family.ANYTHING
    documentation: ClassVar[Sequence[Page]] = (Page("this file", date(2026, 11, 22)),)
    settings_class = AccountSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": _spec(),
        "once": _spec(idempotent=False),
        "list": _spec(needs_target=True, asynchronous=True),
        "audience": _spec(
            keys=frozenset({"external_id"}),
            matched_by=("email", "phone"),
            hashed_columns=frozenset({"email", "phone"}),
        ),
        "strict": _spec(custom_columns=False, required=frozenset({"email"}), refused_columns=frozenset({"subscribed"})),
        # takes everything that a destination can offer, from several threads
        "full": _spec(
            nulls=frozenset(NullPolicy),
            sends_changes=True,
            merges=True,
            lists_members=True,
            counts=True,
            concurrency=3,
        ),
        "billed": _spec(sends_changes=True, billed_per_attribute=True),
    }

    def __init__(self, account: Account) -> None:
        super().__init__(AccountSettings(), Tally())
        self.account = account

    def check(self, delivery: Delivery) -> None:
        """Count that it was asked."""
        self.account.checked += 1

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return about what JSON takes."""
        return len(str(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Take a batch, unless a fault is switched on."""
        account = self.account
        with account.lock:
            self.traffic.calls += 1
            account.calls.append((op, [row.key for row in rows]))
            return self._take(delivery, op, rows)

    def _take(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        account = self.account
        if account.before:
            account.before(op, rows)
        if any(row.key in account.poison for row in rows):
            raise BatchRefused("422", "the batch holds an invalid row")
        account.seen += [(op, row.key) for row in rows]
        if self.objects[delivery.object].asynchronous:
            job = f"job-{len(account.asked) + 1}"
            account.asked[job] = 0
            account.jobs[job] = (op, list(rows))
            results = [RowResult(row.key, Outcome.ACCEPTED, job_id=job) for row in rows]
        else:
            results = [self._answer(delivery, op, row) for row in rows]
        if account.after:
            account.after(op, rows)
        return results

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Answer after as many questions as the account is slow."""
        self.account.asked[job_id] += 1
        if self.account.asked[job_id] <= self.account.slow:
            return None
        op, held = self.account.jobs.pop(job_id)
        return [self._answer(delivery, op, row) for row in held]

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield what is held, by key."""
        yield from (Member(key, f"id-{key}") for key in sorted(self.account.rows))

    def count(self, delivery: Delivery) -> Count:
        """Return how many rows are held."""
        return Count(len(self.account.rows), len(self.account.rows))

    def _answer(self, delivery: Delivery, op: Op, row: Row) -> RowResult:
        if row.key in self.account.refused:
            return RowResult(row.key, Outcome.PERMANENT, "invalid", "the address is not valid")
        if row.key in self.account.flaky:
            return RowResult(row.key, Outcome.TRANSIENT, "busy", "the record is locked")
        if op is Op.CHANGE and delivery.mode is Mode.UPDATE and row.key not in self.account.rows:
            return RowResult(row.key, Outcome.INFO, "not_found", "there is no such record")
        self.account.take(op, row, delivery, partial=self.objects[delivery.object].sends_changes)
        return RowResult(row.key, Outcome.APPLIED, destination_id=f"id-{row.key}")


@dataclass
class Line:
    """A connection to the account."""

    account: Account

    def open(self) -> Memory:
        """Return the destination."""
        return Memory(self.account)
