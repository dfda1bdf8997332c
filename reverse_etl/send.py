"""Send: the plan goes out in windows, removals first, and every window is committed before the next one leaves.

A window is what a kill may leave in doubt, so it is kept to about two seconds' work. Its batches are delivered several
at a time. Where a call must not be repeated, a window is one batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from reverse_etl import runs
from reverse_etl.clock import Clock
from reverse_etl.commit import no_fence, record
from reverse_etl.crew import Crew
from reverse_etl.definitions import SyncDefinition
from reverse_etl.deliver import Courier, Delivered
from reverse_etl.destinations.base import Destination
from reverse_etl.pages import Batch, batches, spans
from reverse_etl.results import Answers
from reverse_etl.rows import Op, Outcome
from warehouse.base import Warehouse

ORDER = (Op.REMOVE, Op.MERGE, Op.ADD, Op.CHANGE)
COMMIT_EVERY = 2.0  #: seconds of sending between two commits
COMMIT_SHARE = 0.25  #: most of the time that commits may take: where they are slow, windows grow
WINDOW_ROWS = 100_000  #: most rows in a window
WINDOW_BYTES = 64_000_000  #: most bytes in a window, but for a single batch that has more
GROWTH = 8  #: how many times larger than the last one a window may be


def no_beat() -> None:
    """Renew nothing: for callers that hold no lease."""


class Pace:
    """How many rows to send before the next commit, by what the last window took."""

    def __init__(self) -> None:
        self.rows = 1
        self.seconds = COMMIT_EVERY

    def learn(self, rows: int, sending: float, committing: float) -> None:
        """Take note of a window: its rows, the seconds they took to send, and those the commit took."""
        self.seconds = max(COMMIT_EVERY, committing * (1 - COMMIT_SHARE) / COMMIT_SHARE)
        most = GROWTH * max(rows, self.rows)
        wanted = rows * self.seconds / sending if sending > 0 else most
        self.rows = int(max(1, min(wanted, most, WINDOW_ROWS)))


@dataclass
class Sender:
    """Sends one run's plan.

    Attributes:
        beat: Renews the run's lease where that is due; called often while it waits. Raises when the lease was lost.
        fence: Renews the lease in the transactions that announce a window and that commit it; raises when it was lost:
            then nothing is written, and nothing leaves.
        outcomes: What became of the rows that were sent and committed, by outcome.
    """

    warehouse: Warehouse
    sync: SyncDefinition
    destination: Destination
    run_id: str
    clock: Clock
    batches: Iterator[int] = field(default_factory=lambda: count(1))
    beat: Callable[[], object] = no_beat
    fence: Callable[[], None] = no_fence
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def send(self, progress: Callable[[int], None]) -> None:
        """Send everything, and tell ``progress`` how many rows are done.

        Raises:
            DestinationRefused: The account or the target refused. What was done until then is committed.
            DestinationDown: It could not be reached. What was done until then is committed.
        """
        spec = self.destination.objects[self.sync.object]
        self._repeatable = spec.idempotent
        self._courier = Courier(self.sync, self.destination)
        self._pace = Pace()
        self._progress = progress
        found = spans(self.warehouse, self.run_id)
        with Crew[Delivered](spec.concurrency, self.destination.traffic, self.beat) as crew:
            try:
                for op in ORDER:
                    if op in found:
                        ahead = batches(self.warehouse, self.sync, self.destination, self.run_id, op, found[op])
                        batch = next(ahead, None)
                        while batch is not None:
                            batch = self._window(crew, op, batch, ahead, found[op][1])
            except BaseException:
                self._courier.stop()  # a batch that is being halved would go on
                raise

    def _window(self, crew: Crew[Delivered], op: Op, batch: Batch, ahead: Iterator[Batch], end: int) -> Batch | None:
        """Send batches until it is time to commit, commit, and return the first batch of the next window."""
        most = batch.seqs[0] + self._pace.rows - 1 if self._repeatable else 0
        last = min(max(batch.seqs[-1], most), end)
        self.beat()
        marked = self.clock.elapsed()
        runs.sending(self.warehouse, self.run_id, batch.seqs[0], last, self.fence)
        begun = self.clock.elapsed()
        answers, failure, size = Answers(), None, 0
        upcoming: Batch | None = batch
        while upcoming is not None and failure is None:
            crew.hand(self._courier.deliver, op, upcoming)
            size += upcoming.size
            # Read and cut while the calls are under way.
            upcoming = next(ahead, None)
            while crew.is_full:
                failure = self._take(crew, answers) or failure
            if (
                upcoming is None
                or upcoming.seqs[-1] > last
                or size + upcoming.size > WINDOW_BYTES
                or self.clock.elapsed() - begun > self._pace.seconds
            ):
                break
        while crew.is_busy:
            failure = self._take(crew, answers) or failure
        if failure is not None and self._courier.blames_us:
            answers.soften()
        sent = self.clock.elapsed()
        record(self.warehouse, self.sync.name, self.run_id, answers, self.clock.now(), fence=self.fence)
        self._pace.learn(len(answers), sent - begun, begun - marked + self.clock.elapsed() - sent)
        self.outcomes.update(answers.outcomes)
        self._progress(sum(self.outcomes.values()))
        if failure is not None:
            raise failure
        return upcoming

    def _take(self, crew: Crew[Delivered], answers: Answers) -> Exception | None:
        """Take in what came back; return why the run cannot go on, if it cannot."""
        failure = None
        for delivered in crew.returned():
            # A batch may take several calls, so one that broke off may be there in part. Where repeating does no harm,
            # its rows are treated as such.
            doubt = delivered.failure is not None and self._repeatable
            answers.add(next(self.batches), delivered.batch.seqs, delivered.results, doubt=doubt)
            failure = failure or delivered.failure
        return failure
