"""The crew: threads that wait for a destination's answers, as many at a time as it bears.

One thread, the caller's, owns the warehouse's connection and hands out the work. While it waits it renews the sync's
lease, so that nobody takes a run for dead that is only held up by a slow vendor.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

from reverse_etl.destinations.base import Traffic
from warehouse.errors import WeftError

T = TypeVar("T")
P = ParamSpec("P")

SLICE = 10.0  #: seconds between two looks at the lease while nothing comes back


class Width:
    """How many calls to make at a time: one more for each round that nothing slowed down, half after a refusal.

    It asks the destination how often the vendor said "too many" and how long the rate budget kept calls waiting. Where
    the budget is what they wait for, more calls at a time would only wait together.

    Args:
        most: The most that the destination allows.
        traffic: What counts ``throttled`` calls and the seconds that calls ``waited``.
    """

    def __init__(self, most: int, traffic: Traffic) -> None:
        self.now = 1
        self._most = max(most, 1)
        self._traffic = traffic
        self._seen = self._counts()
        self._round = 0

    def returned(self) -> None:
        """Take note of one call's return."""
        throttled, waited = self._counts()
        if throttled > self._seen[0]:
            self.now = max(self.now // 2, 1)
            self._begin_round(throttled, waited)
            return
        self._round += 1
        if self._round >= self.now:
            if waited <= self._seen[1]:
                self.now = min(self.now + 1, self._most)
            self._begin_round(throttled, waited)

    def _begin_round(self, throttled: int, waited: float) -> None:
        self._seen, self._round = (throttled, waited), 0

    def _counts(self) -> tuple[int, float]:
        return self._traffic.throttled, self._traffic.waited


class Crew(Generic[T]):
    """A pool of threads; a context manager.

    Args:
        most: The most calls at a time that the destination allows.
        traffic: What the destination counts of its calls.
        beat: Renews the lease where that is due; may raise when it was lost.
    """

    def __init__(self, most: int, traffic: Traffic, beat: Callable[[], object]) -> None:
        self.width = Width(most, traffic)
        self._beat = beat
        self._pool = ThreadPoolExecutor(max(most, 1), thread_name_prefix="weft-call")
        self._busy: set[Future[T]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._busy)

    @property
    def is_full(self) -> bool:
        """Whether as much is under way as may be."""
        return len(self._busy) >= self.width.now

    def hand(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> None:
        """Let a thread do some work."""
        self._busy.add(self._pool.submit(work, *arguments, **named))

    def returned(self) -> list[T]:
        """Wait until at least one piece of work is done, and return all that are.

        Raises:
            BaseException: What broke in a thread, as it is.
        """
        while True:
            done, self._busy = wait(self._busy, timeout=SLICE, return_when=FIRST_COMPLETED)
            self._beat()
            if done or not self._busy:
                break
        results = [future.result() for future in done]
        for _ in results:
            self.width.returned()
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A run that breaks off gives up the lease. A call that it has under way has to end before that: it could add
        # again who is removed by the next run. The process could not end before it either.
        while self._busy:
            _, self._busy = wait(self._busy, timeout=SLICE)
            with suppress(WeftError):
                self._beat()
        self._pool.shutdown(cancel_futures=True)
