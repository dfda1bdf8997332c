"""Send: the plan goes out in batches, removals first, and every batch is committed before the next one leaves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from reverse_etl import runs, tables
from reverse_etl.clock import Clock
from reverse_etl.commit import Sent, record
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from warehouse.base import Warehouse

PAGE = 10_000  #: rows held in memory at a time
GIVE_UP = 20  #: rows refused one by one, with none taken before them, after which the fault is not the rows'
ORDER = (Op.REMOVE, Op.MERGE, Op.ADD, Op.CHANGE)

_PAGE = """
select seq, row_key, payload, changed_columns, destination_id, into_key, into_id, row_hash from sync_plan
where run_id = $run_id and op = $op and row_key > $after order by row_key limit $limit
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the plan, ready to be sent."""

    row: Row
    row_hash: str | None
    seq: int


@dataclass
class Sender:
    """Sends one run's plan.

    Attributes:
        taken: Rows that the destination took or accepted so far, so that a refusal can be told from a fault of ours.
        outcomes: What became of the rows that were sent, by outcome.
    """

    warehouse: Warehouse
    sync: SyncDefinition
    destination: Destination
    run_id: str
    clock: Clock
    batches: Iterator[int] = field(default_factory=lambda: count(1))
    taken: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def send(self, progress: Callable[[int], None]) -> None:
        """Send everything, and tell ``progress`` how many rows are done.

        Raises:
            DestinationRefused: The account or the target refused. What was done until then is committed.
            DestinationDown: It could not be reached. What was done until then is committed.
        """
        for op in ORDER:
            for batch in self._batches(op):
                runs.sending(self.warehouse, self.run_id, batch[0].seq, batch[-1].seq)
                results, failure = self._deliver(op, batch)
                sent = [Sent(op, planned.row_hash, results[planned.row.key]) for planned in batch]
                # A batch may take several calls, so one that broke off may be there in part. Where repeating does no
                # harm, its rows are treated as such.
                doubt = failure is not None and self.destination.objects[self.sync.object].idempotent
                number, at = next(self.batches), self.clock.now()
                record(self.warehouse, self.sync.name, self.run_id, number, sent, at, doubt=doubt)
                self.outcomes.update(item.result.outcome for item in sent)
                progress(sum(self.outcomes.values()))
                if failure is not None:
                    raise failure

    def _deliver(self, op: Op, batch: list[Planned]) -> tuple[dict[str, RowResult], Exception | None]:
        """Send a batch; return a result for every row of it, and why the run cannot go on, if it cannot."""
        results: dict[str, RowResult] = {}
        rows = [planned.row for planned in batch]
        try:
            self._try(op, rows, results)
        except (DestinationDown, DestinationRefused) as error:
            # Rows of a call that broke off may have arrived; of those never called for, nobody could have told.
            broken = isinstance(error, AmbiguousCall)
            outcome = Outcome.AMBIGUOUS if broken else Outcome.TRANSIENT
            code = "broken" if broken else "refused" if isinstance(error, DestinationRefused) else "down"
            reason = "the connection broke" if broken else "the run ended before the destination took this row"
            for row in rows:
                results.setdefault(row.key, RowResult(row.key, outcome, code, reason))
            return results, error
        return results, None

    def _try(self, op: Op, rows: Sequence[Row], results: dict[str, RowResult]) -> None:
        """Send rows; where they are refused as a whole, halve them until the bad one stands alone."""
        try:
            answered = {result.key: result for result in self.destination.send(self.sync.delivery, op, rows)}
        except BatchRefused as refusal:
            if len(rows) > 1:
                middle = len(rows) // 2
                self._try(op, rows[:middle], results)
                self._try(op, rows[middle:], results)
                return
            [row] = rows
            results[row.key] = RowResult(row.key, Outcome.PERMANENT, refusal.code, refusal.reason)
            self._doubt_ourselves(results, refusal)
            return
        for row in rows:
            result = answered.get(row.key) or RowResult(
                row.key, Outcome.AMBIGUOUS, "unanswered", "no answer for this row"
            )
            results[row.key] = result
            self.taken += result.outcome in (Outcome.APPLIED, Outcome.ACCEPTED)

    def _doubt_ourselves(self, results: dict[str, RowResult], refusal: BatchRefused) -> None:
        """Stop when row after row is refused and none was ever taken: to quarantine them would hide our own mistake."""
        if self.taken or len(results) < GIVE_UP:
            return
        if any(result.outcome is not Outcome.PERMANENT for result in results.values()):
            return
        for key in results:
            results[key] = RowResult(key, Outcome.TRANSIENT, refusal.code, refusal.reason)
        raise DestinationRefused(
            f"{self.destination.label} refuses every row: {refusal.reason} ({refusal.code}).",
            where=f"{self.sync.where}, object {self.sync.object}",
            fix="compare the feed's columns with what the destination documents: " + self.destination.documentation,
        )

    def _batches(self, op: Op) -> Iterator[list[Planned]]:
        """Yield the rows of one op in key order, in batches within the destination's limits on rows and bytes."""
        limits = self.destination.objects[self.sync.object].limits.get(op)
        most = min(limits.rows, self.sync.batch_rows or limits.rows) if limits else 1
        batch: list[Planned] = []
        used = 0
        for planned in pages(self.warehouse, self.run_id, op):
            size = self.destination.size(self.sync.delivery, planned.row)
            if batch and limits and (len(batch) >= most or used + size > limits.bytes):
                yield batch
                batch, used = [], 0
            batch.append(planned)
            used += size
        if batch:
            yield batch


def pages(warehouse: Warehouse, run_id: str, op: Op) -> Iterator[Planned]:
    """Yield the rows of a plan in key order.

    It asks for page after page by key instead of holding one long result open, which would keep DuckDB from cleaning up
    behind the commits that happen in between.
    """
    after = ""
    while True:
        page = tables.ask(warehouse, _PAGE, run_id=run_id, op=str(op), after=after, limit=PAGE)
        for found in page:
            yield planned_row(op, found)
        if len(page) < PAGE:
            return
        after = str(page[-1]["row_key"])


def planned_row(op: Op, found: dict[str, object]) -> Planned:
    """Return a row of ``sync_plan`` as the destination takes it."""
    payload = found["payload"]
    changed = str(found["changed_columns"] or "")
    row = Row(
        key=str(found["row_key"]),
        op=op,
        payload=json.loads(str(payload)) if payload is not None else {},
        changed=frozenset(name for name in changed.split(",") if name),
        destination_id=_text(found["destination_id"]),
        into=_text(found["into_key"]),
        into_id=_text(found["into_id"]),
    )
    return Planned(row, _text(found["row_hash"]), int(str(found["seq"])))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
