"""How fast an account may be called: one budget, whoever calls on this machine, that listens to the vendor's headers.

Why no library: those that share a limit among processes keep a log of calls against fixed rates. Here the rate follows
the headers, a bucket closes when the vendor says so, removals go first, and the waiting calls of processes alternate.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from reverse_etl import bucket as arithmetic
from reverse_etl.account import AccountFile, BucketNumbers, Numbers, uptime
from reverse_etl.destinations.base import Limits
from reverse_etl.headers import Reading

_URGENT: ContextVar[bool] = ContextVar("urgent", default=False)


@contextmanager
def urgent() -> Iterator[None]:
    """Let the calls made inside, such as removals and opt-outs, go before all others of the same account that wait.

    It holds for this thread, as context variables do: a thread of a pool enters it by itself.
    """
    token = _URGENT.set(True)
    try:
        yield
    finally:
        _URGENT.reset(token)


class Budget:
    """The rate budget of one account.

    Args:
        account: The numbers that it shares with other processes; its own when left out.
        clock: Seconds that only go up, the same for all processes that share the numbers.
        sleep: Waits that many seconds.

    Attributes:
        share: The part of the vendor's limit that is this machine's, above 0 and at most 1: one divided by the number
            of machines that use the account at the moment.
    """

    def __init__(
        self,
        account: AccountFile | None = None,
        *,
        clock: Callable[[], float] = uptime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.share = 1.0
        self._account = account or AccountFile()
        self._clock = clock
        self._sleep = sleep

    def take(self, name: str, limits: Limits | None) -> float:
        """Wait for a call's turn, and return the seconds that it took.

        Nothing is locked during the wait.

        Args:
            name: The bucket that the call counts against.
            limits: Its documented pace; ``None`` where there is none.
        """
        waited = 0.0
        ticket: int | None = None
        while True:
            wait, ticket = self._ask(name, limits, ticket)
            if wait <= 0:
                return waited
            self._sleep(wait)
            waited += wait

    def learn(self, name: str, limits: Limits | None, reading: Reading, *, spent: bool = False) -> None:
        """Take in what the headers of an answer say.

        Args:
            name: The bucket of the call that was answered.
            limits: Its documented pace.
            reading: The headers.
            spent: Whether the answer was "too many calls".
        """
        if not (spent or reading.windows or reading.retry_after):
            return
        share = self._own_share()

        def work(numbers: Numbers) -> None:
            bucket = numbers.buckets.setdefault(name, BucketNumbers())
            arithmetic.learn(bucket, self._clock(), reading, limits, share=share, spent=spent)

        self._account.change(work)

    def close(self, name: str, seconds: float) -> None:
        """Let no call of a bucket through for that many seconds, within reason."""

        def work(numbers: Numbers) -> None:
            arithmetic.close(numbers.buckets.setdefault(name, BucketNumbers()), self._clock(), seconds)

        self._account.change(work)

    def rate(self, name: str, limits: Limits | None) -> float:
        """Return the calls a second that the budget allows at the moment."""
        share = self._own_share()

        def work(numbers: Numbers) -> float:
            bucket = numbers.buckets.get(name) or BucketNumbers()
            return arithmetic.speed(bucket, self._clock(), limits, share)[0]

        return self._account.change(work)

    def _ask(self, name: str, limits: Limits | None, ticket: int | None) -> tuple[float, int | None]:
        hurry, process, share = _URGENT.get(), os.getpid(), self._own_share()

        def work(numbers: Numbers) -> tuple[float, int | None]:
            bucket = numbers.buckets.setdefault(name, BucketNumbers())
            return arithmetic.ask(
                bucket, self._clock(), limits, share=share, ticket=ticket, urgent=hurry, process=process
            )

        return self._account.change(work)

    def _own_share(self) -> float:
        return min(max(self.share, 0.001), 1.0)
