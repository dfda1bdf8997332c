"""The circuit breaker of an account: when it does not answer, all syncs leave it alone for a while.

Why no library: the state has to be shared by the processes of a machine, in the same file as the rate budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from reverse_etl.account import AccountFile, Numbers, uptime
from reverse_etl.errors import DestinationDown

FIRST_PAUSE = 30.0  #: seconds
LONGEST_PAUSE = 600.0  #: seconds
PROBE = 300.0  #: seconds after which a call that was to find out is given up, as when its process was killed


class Breaker:
    """Lets calls through while the account answers.

    Args:
        account: The numbers that it shares with other processes; its own when left out.
        label: The vendor's name, for the message.
        clock: Seconds that only go up, the same for all processes that share the numbers.
        wall: Seconds since 1970, for the message.
    """

    def __init__(
        self,
        account: AccountFile | None = None,
        label: str = "The destination",
        *,
        clock: Callable[[], float] = uptime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._account = account or AccountFile()
        self._label = label
        self._clock = clock
        self._wall = wall

    def enter(self) -> bool:
        """Return whether the caller is the one that finds out whether the account answers again.

        That caller says how it went, with :meth:`answered` or :meth:`failed`.

        Raises:
            DestinationDown: The account did not answer a moment ago; no call is made until the pause is over.
        """
        refused = self._account.change(self._enter)
        if isinstance(refused, bool):
            return refused
        raise refused

    def answered(self) -> None:
        """Note that the account answers."""

        def work(numbers: Numbers) -> None:
            numbers.breaker = type(numbers.breaker)()

        self._account.change(work)

    def failed(self) -> None:
        """Note that a call's attempts ran out without an answer."""
        self._account.change(self._failed)

    def _enter(self, numbers: Numbers) -> bool | DestinationDown:
        now = self._now(numbers)
        state = numbers.breaker
        if not state.failures:
            return False
        if now >= max(state.open_until, state.probe_until):
            state.probe_until = now + PROBE
            return True
        failed_at = _time(state.failed_at)
        if now < state.open_until:
            then = f"the next attempt is allowed at {_time(self._wall() + state.open_until - now)} UTC"
        else:
            then = "a call is finding out at the moment whether it does again"
        path = self._account.path
        at_once = f" If you know that it answers again, delete {path} and run at once." if path else ""
        return DestinationDown(
            f"{self._label} did not answer at {failed_at} UTC; {then}.",
            where=f"the connection's account at {self._label}",
            fix=f"Nothing was sent. Run again then.{at_once} A changed address or credential is tried at once.",
        )

    def _failed(self, numbers: Numbers) -> None:
        now = self._now(numbers)
        state = numbers.breaker
        state.failed_at = self._wall()
        if now < state.open_until:  # calls that were on their way together count once
            return
        state.failures = min(state.failures + 1, 32)
        state.open_until = now + min(FIRST_PAUSE * 2 ** (state.failures - 1), LONGEST_PAUSE)
        state.probe_until, state.seen = 0.0, now

    def _now(self, numbers: Numbers) -> float:
        """Return the time. If it went back, as after a restart, what was noted moves with it; no pause gets longer."""
        now, state = self._clock(), numbers.breaker
        back = min(now - state.seen, 0.0)
        if state.failures:
            state.open_until = min(state.open_until + back, now + LONGEST_PAUSE)
            state.probe_until = min(state.probe_until + back, now + PROBE)
            state.seen = now
        return now


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S}"
