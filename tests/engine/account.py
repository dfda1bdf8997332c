"""A destination in memory, with faults that a test can switch on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from reverse_etl.destinations.base import Delivery, Destination, Limits, Mode, ObjectSpec, Settings
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult


class Killed(BaseException):
    """Stands for a process that ends on the spot."""


class AccountSettings(Settings):
    """Nothing to set."""


@dataclass
class Http:
    """Counts calls, as the real client does."""

    calls: int = 0


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

    def take(self, op: Op, row: Row) -> None:
        """Hold a row, or no longer hold it."""
        if op is Op.REMOVE:
            self.rows.pop(row.key, None)
        else:
            self.rows[row.key] = dict(row.payload)


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
    documentation = "this file"
    settings_class = AccountSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": _spec(),
        "once": _spec(idempotent=False),
        "list": _spec(needs_target=True, asynchronous=True),
        "strict": _spec(custom_columns=False, required=frozenset({"email"})),
    }

    def __init__(self, account: Account) -> None:
        super().__init__(AccountSettings(base_url="http://localhost"), Http())  # type: ignore[arg-type]
        self.account = account

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return none."""
        return {}

    def check(self, delivery: Delivery) -> None:
        """Count that it was asked."""
        self.account.checked += 1

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return about what JSON takes."""
        return len(str(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Take a batch, unless a fault is switched on."""
        account = self.account
        self.http.calls += 1
        account.calls.append((op, [row.key for row in rows]))
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
            results = [self._answer(op, row) for row in rows]
        if account.after:
            account.after(op, rows)
        return results

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Answer after as many questions as the account is slow."""
        self.account.asked[job_id] += 1
        if self.account.asked[job_id] <= self.account.slow:
            return None
        op, held = self.account.jobs.pop(job_id)
        return [self._answer(op, row) for row in held]

    def _answer(self, op: Op, row: Row) -> RowResult:
        if row.key in self.account.refused:
            return RowResult(row.key, Outcome.PERMANENT, "invalid", "the address is not valid")
        if row.key in self.account.flaky:
            return RowResult(row.key, Outcome.TRANSIENT, "busy", "the record is locked")
        self.account.take(op, row)
        return RowResult(row.key, Outcome.APPLIED, destination_id=f"id-{row.key}")


@dataclass
class Line:
    """A connection to the account."""

    account: Account

    def open(self) -> Memory:
        """Return the destination."""
        return Memory(self.account)
