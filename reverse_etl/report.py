"""What a plan and a run tell: counts only, never a row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Status(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"  #: a plan that was only looked at
    SENDING = "sending"  #: under way; or killed, which the next run finds out
    DONE = "done"  #: every row that was sent has its final result
    OPEN = "open"  #: everything was sent; asynchronous jobs have yet to answer
    STOPPED = "stopped"  #: a guard stopped it: nothing was sent but the removals that people asked for
    FAILED = "failed"  #: the destination was down or refused; what was not sent is planned again
    INTERRUPTED = "interrupted"  #: killed while sending; its successor took over what was in doubt


class Progress(Protocol):
    """Is told how far a run has come."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Take note.

        Args:
            phase: ``plan``, ``send`` or ``settle``.
            done: Rows done in this phase.
            total: Rows in this phase; 0 while it is not known.
        """


def silent(phase: str, done: int, total: int) -> None:
    """Take no note of progress."""


@dataclass(frozen=True, slots=True)
class GuardResult:
    """How a plan stands against one guard.

    Attributes:
        name: The guard, as the exposure calls it.
        limit: What it allows, for people.
        actual: What the plan has, for people.
        tripped: Whether the run must stop.
    """

    name: str
    limit: str
    actual: str
    tripped: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the rows to be added or changed a vendor could find somebody by.

    Attributes:
        rows: Those rows.
        having: Of them, how many have what, by the column.
        every: How many have all of it.
        none: How many have none of it, so that nobody can be found by them.
    """

    rows: int
    having: dict[str, int]
    every: int
    none: int

    def __str__(self) -> str:
        """Return it for people."""
        counts = dict(self.having)
        if len(counts) > 1:
            counts["both" if len(counts) == 2 else "all of them"] = self.every
        counts["neither" if len(counts) > 1 else "nothing"] = self.none
        return f"{', '.join(f'{name} {count:,}' for name, count in counts.items())} of {self.rows:,} rows"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, counted and priced. The rows themselves are in ``sync_plan`` under ``run_id``.

    Attributes:
        run_id: The run that the plan belongs to.
        sync: The sync's name.
        as_of: The plan's moment.
        add: Rows to add.
        change: Rows to change, ``changed_by_mapping`` among them.
        remove: Rows to remove.
        merge: Rows to fold into another, because the two turned out to be one person.
        changed_by_mapping: Rows that change only because the feed has other columns than when they were applied.
        removed_because: Why rows are removed: ``left``, ``merged``, ``consent``, ``suppression`` or ``resync``, with
            counts.
        opted_out: Removals that somebody asked for, who said no to the purpose or is suppressed. They count towards no
            guard, and go out even where one stops the run.
        blocked: Rows kept back: ``consent``, ``suppression``, ``quarantine``, ``waiting`` (in a job that is still
            open), ``in_doubt`` (may have been sent, and must not be sent twice), ``merging`` (waits
            for the record that it will be folded into), with counts.
        feed_rows: Rows of the feed.
        applied_rows: Rows that the destination holds by the last runs.
        api_calls: Calls that it will take, by the destination's limits.
        minutes: How long they take at the vendor's rate limit.
        billed_units: Attributes sent, where the vendor bills by them; else nothing.
        coverage: How many rows have what the vendor finds people by, where it tells of nobody whether it found them.
        resync: Whether everything is sent again and compared with all that was ever applied.
        digest: Fingerprint of the rows to send: two plans that send the same have the same.
        guards: How the plan stands against the sync's guards.
    """

    run_id: str
    sync: str
    as_of: datetime
    add: int = 0
    change: int = 0
    remove: int = 0
    merge: int = 0
    changed_by_mapping: int = 0
    removed_because: dict[str, int] = field(default_factory=dict)
    opted_out: int = 0
    blocked: dict[str, int] = field(default_factory=dict)
    feed_rows: int = 0
    applied_rows: int = 0
    api_calls: int = 0
    minutes: float = 0.0
    billed_units: int | None = None
    coverage: Coverage | None = None
    resync: bool = False
    digest: str = ""
    guards: tuple[GuardResult, ...] = ()

    @property
    def rows(self) -> int:
        """Rows to send."""
        return self.add + self.change + self.remove + self.merge

    @property
    def tripped(self) -> tuple[GuardResult, ...]:
        """The guards that would stop the run."""
        return tuple(guard for guard in self.guards if guard.tripped)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"as_of": self.as_of.isoformat(), "guards": [asdict(guard) for guard in self.guards]}


@dataclass(slots=True)
class RunReport:
    """What a run did.

    Attributes:
        run_id: The run.
        sync: The sync's name.
        status: Where it stands.
        as_of: The run's moment.
        planned: Rows planned, by op.
        changed_by_mapping: Of the changes, those that come from other columns in the feed.
        sent: Rows handed to the destination.
        applied: Of those, rows that it confirmed.
        accepted: Of those, rows in a job that is still open.
        refused: Of those, rows refused for good: quarantined until they change.
        transient: Of those, rows that the next run tries again.
        ambiguous: Of those, rows that may or may not have arrived.
        info: Of those, rows declined for now without a fault.
        blocked: Rows kept back, by reason; see :class:`Plan`.
        guards: How the plan stood against the sync's guards.
        coverage: How many rows had what the vendor finds people by; see :class:`Plan`.
        resync: Whether everything was sent again and compared with all that was ever applied.
        settled_before: Results learned of rows that earlier runs had sent, by outcome.
        api_calls: API calls made, retries included.
        seconds: How long it took by the wall clock.
        message: Why it stopped or failed; empty when it did not.
    """

    run_id: str
    sync: str
    status: Status
    as_of: datetime
    planned: dict[str, int] = field(default_factory=dict)
    changed_by_mapping: int = 0
    sent: int = 0
    applied: int = 0
    accepted: int = 0
    refused: int = 0
    transient: int = 0
    ambiguous: int = 0
    info: int = 0
    blocked: dict[str, int] = field(default_factory=dict)
    guards: tuple[GuardResult, ...] = ()
    coverage: Coverage | None = None
    resync: bool = False
    settled_before: dict[str, int] = field(default_factory=dict)
    api_calls: int = 0
    seconds: float = 0.0
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"as_of": self.as_of.isoformat(), "status": str(self.status)}
