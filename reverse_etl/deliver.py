"""Deliver: one batch goes to the destination, and every row of it comes back with what became of it.

This runs in the threads of :mod:`reverse_etl.crew`, so it never touches the warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event, Lock

from reverse_etl.budget import urgent
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.pages import Batch
from reverse_etl.rows import Op, Outcome, Row, RowResult

GIVE_UP = 20  #: rows refused one by one, with none taken before them, after which the fault is not the rows'

_TAKEN = (Outcome.APPLIED, Outcome.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a batch.

    Attributes:
        batch: The rows.
        results: One result for each of them, in their order.
        failure: Why the run cannot go on, if it cannot.
    """

    batch: Batch
    results: Sequence[RowResult]
    failure: DestinationDown | DestinationRefused | None = None


class Courier:
    """Delivers batches of one sync, several at a time.

    Attributes:
        blames_us: Whether it gave up because nothing but refusals came back, so that the fault is not the rows'.
    """

    def __init__(self, sync: SyncDefinition, destination: Destination) -> None:
        self.blames_us = False
        self._sync = sync
        self._destination = destination
        self._delivery: Delivery = sync.delivery
        self._lock = Lock()
        self._taken = False
        self._refused = 0
        self._stopped = Event()

    def deliver(self, op: Op, batch: Batch) -> Delivered:
        """Send a batch. What it says of a row is final for this run."""
        results: dict[str, RowResult] = {}
        try:
            # Who leaves, or asked to be left alone, does not wait behind who comes.
            with urgent() if op is Op.REMOVE else nullcontext():
                self._try(op, batch.rows, results)
        except (DestinationDown, DestinationRefused) as error:
            code = "refused" if isinstance(error, DestinationRefused) else "down"
            reason = "the run ended before the destination took this row"
            for row in batch.rows:
                if row.key not in results:
                    results[row.key] = RowResult(row.key, Outcome.TRANSIENT, code, reason)
            return Delivered(batch, [results[row.key] for row in batch.rows], error)
        return Delivered(batch, [results[row.key] for row in batch.rows])

    def stop(self) -> None:
        """Make no further call: the run is being broken off. What is under way comes back first."""
        self._stopped.set()

    def _try(self, op: Op, rows: Sequence[Row], results: dict[str, RowResult]) -> None:
        """Send rows; where they are refused as a whole, halve them until the bad one stands alone."""
        if self._stopped.is_set():
            raise DestinationDown(
                "The run was broken off before this call.", where=self._sync.where, fix="run it again"
            )
        try:
            told = self._destination.send(self._delivery, op, rows)
        except BatchRefused as refusal:
            if len(rows) > 1:
                middle = len(rows) // 2
                self._try(op, rows[:middle], results)
                self._try(op, rows[middle:], results)
                return
            [row] = rows
            meaning = self._destination.codes.get(refusal.code)
            outcome = meaning.outcome if meaning else Outcome.PERMANENT
            if outcome in _TAKEN:  # of a call that was refused as a whole nothing was taken
                outcome = Outcome.PERMANENT
            results[row.key] = RowResult(row.key, outcome, refusal.code, refusal.reason)
            if outcome is Outcome.PERMANENT:
                self._doubt_ourselves(results, refusal)
            return
        except AmbiguousCall:
            # These may have arrived; the other halves of a batch were not called for.
            for row in rows:
                results[row.key] = RowResult(row.key, Outcome.AMBIGUOUS, "broken", "the connection broke")
            raise
        keys = [row.key for row in rows]
        if [result.key for result in told] != keys:
            told = _in_order(keys, told)
        results.update(zip(keys, told, strict=True))
        if any(result.outcome in _TAKEN for result in told):
            with self._lock:
                self._taken = True

    def _doubt_ourselves(self, results: dict[str, RowResult], refusal: BatchRefused) -> None:
        """Stop when row after row is refused and none was ever taken: to quarantine them would hide our own mistake."""
        with self._lock:
            self._refused += 1
            if self._taken or self._refused < GIVE_UP:
                return
        if any(result.outcome is not Outcome.PERMANENT for result in results.values()):
            return
        self.blames_us = True
        for key in results:
            results[key] = RowResult(key, Outcome.TRANSIENT, refusal.code, refusal.reason)
        raise DestinationRefused(
            f"{self._destination.label} refuses every row: {refusal.reason} ({refusal.code}).",
            where=f"{self._sync.where}, object {self._sync.object}",
            fix=f"compare the feed's columns with what {self._destination.documentation[0]} says",
        )


def _in_order(keys: Sequence[str], told: Sequence[RowResult]) -> list[RowResult]:
    """Return a result for every key; of one that the destination said nothing about, nothing is known."""
    answered = {result.key: result for result in told}
    return [
        answered.get(key) or RowResult(key, Outcome.AMBIGUOUS, "unanswered", "no answer for this row") for key in keys
    ]
