"""What all processes of a machine share about one account at a vendor: a few numbers in a small file under a lock.

The file can be deleted at any time: what it held is learned again. It is never a reason for a run to stop: where it
cannot be used (a full disk, a folder that is read-only), a process goes on with numbers of its own, and says so once.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from platformdirs import user_state_path
from pydantic import BaseModel, Field, ValidationError

PATIENCE = 5.0  #: seconds to wait for the lock, which is held for well under a millisecond
_MOST_BYTES = 1_000_000
_YEAR_3000 = 32_503_680_000

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
Number = Annotated[float, Field(allow_inf_nan=False)]


class Waiter(NamedTuple):
    """A call that waits for its turn.

    Attributes:
        ticket: Tells it from the others.
        urgent: Whether it goes before those that are not.
        tag: Its place among its like: the calls of the processes alternate.
        process: The process that it belongs to.
        until: When it counts as gone, unless it has asked again.
    """

    ticket: int
    urgent: bool
    tag: Number
    process: int
    until: Number


class BucketNumbers(BaseModel):
    """One rate budget. Moments are seconds of :func:`uptime`.

    Attributes:
        seen: When it was last looked at.
        due: When the next call would be due at the sustained rate.
        closed_until: No call before then.
        rate: Calls a second that the vendor's headers allow, where they said so.
        burst: Calls at once that fit into that.
        pace: Calls a second that what is left allows, until ``pace_until``.
        left: Calls that were left in the vendor's window.
        slow: Share of the rate that is used after the vendor said "too many", as of ``slow_at``; grows back to 1.
        window: Seconds of the vendor's sliding window, where it has one; ``slices`` counts our calls in its parts.
        turn: Tag of the last call that was let through.
        next_ticket: The next waiter's.
        urgent_in_a_row: Urgent calls let through while others waited.
        queue: Calls that wait.
    """

    seen: Number = 0.0
    due: Number = 0.0
    closed_until: Number = 0.0
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None
    pace: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    pace_until: Number = 0.0
    left: Number = 0.0
    slow: Annotated[float, Field(gt=0, le=1)] = 1.0
    slow_at: Number = 0.0
    window: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    slices: dict[int, int] = Field(default_factory=dict)
    turn: Number = 0.0
    next_ticket: int = 1
    urgent_in_a_row: int = 0
    queue: list[Waiter] = Field(default_factory=list)


class BreakerNumbers(BaseModel):
    """The circuit breaker.

    Attributes:
        failures: Calls in a row whose attempts ran out, those that fell into the same pause counted once.
        open_until: No call before then.
        probe_until: Until then one call is finding out whether the vendor is back.
        failed_at: The last failure, in seconds since 1970, for people.
        seen: When it was last looked at.
    """

    failures: Annotated[int, Field(ge=0)] = 0
    open_until: Number = 0.0
    probe_until: Number = 0.0
    failed_at: Annotated[float, Field(ge=0, le=_YEAR_3000, allow_inf_nan=False)] = 0.0
    seen: Number = 0.0


class Numbers(BaseModel):
    """All that the file holds."""

    buckets: dict[str, BucketNumbers] = Field(default_factory=dict)
    breaker: BreakerNumbers = Field(default_factory=BreakerNumbers)


def uptime() -> float:
    """Return seconds since the machine started, sleep included: the same for all its processes, and never set back."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock is the machine's
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def state_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return where the files are: ``WEFT_STATE_DIR``, or the user's own folder for such things."""
    named = (os.environ if env is None else env).get("WEFT_STATE_DIR")
    return Path(named).expanduser() if named else user_state_path("weft")


def account_file(destination: str, base_url: str, identity: Mapping[str, str]) -> AccountFile:
    """Return the file of one account: the same vendor, address and credentials are the same account.

    Args:
        destination: The destination's name.
        base_url: Its address.
        identity: What tells one account from another, credentials among it; only a hash of it names the file.
    """
    parts = [destination, base_url.rstrip("/"), *(f"{name}: {value}" for name, value in sorted(identity.items()))]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return AccountFile(state_folder() / "accounts" / f"{destination}-{digest[:32]}.json")


class AccountFile:
    """Reads and changes the numbers of one account, one process and one thread at a time.

    Args:
        path: The file; without one, the numbers are this object's own.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._own: Numbers | None = None

    def change(self, work: Callable[[Numbers], Result]) -> Result:
        """Let ``work`` read and change the numbers, and keep them. It must not wait for anything."""
        with self._mutex:
            if self._own is not None or self.path is None:
                self._own = self._own or Numbers()
                return work(self._own)
            try:
                lock = self._open(self.path)
            except OSError as error:
                return work(self._give_up(error))
            try:
                numbers = self._read(lock)
                before = numbers.model_dump_json()
                result = work(numbers)
                after = numbers.model_dump_json()
                if after != before:
                    self._write(lock, after, numbers)
                return result
            finally:
                os.close(lock)  # frees the lock as well, as the death of the process would

    @staticmethod
    def _open(path: Path) -> int:
        """Open and lock the file.

        Raises:
            OSError: That is not possible, or somebody holds the lock and does not go on, as a stopped process does.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, flags, 0o600)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except OSError as error:
                if not isinstance(error, BlockingIOError) or time.monotonic() > deadline:
                    os.close(file)
                    raise
            time.sleep(0.0005)

    def _read(self, file: int) -> Numbers:
        try:
            content = os.pread(file, _MOST_BYTES, 0)
            return Numbers.model_validate_json(content) if content else Numbers()
        except (ValidationError, OSError):
            _log.warning("The file %s was damaged; the rate limits of its account are learned again.", self.path)
            return Numbers()

    def _write(self, file: int, text: str, numbers: Numbers) -> None:
        content = text.encode()
        try:
            # In place and in one call: a process that is killed meanwhile leaves the old or the new, and the next
            # reader starts anew in the rare case of neither.
            if os.pwrite(file, content, 0) == len(content):
                os.ftruncate(file, len(content))
            else:
                os.ftruncate(file, 0)
                raise OSError("the disk is full")
        except OSError as error:
            self._give_up(error, numbers)

    def _give_up(self, error: OSError, numbers: Numbers | None = None) -> Numbers:
        """Go on with numbers of this process alone."""
        self._own = numbers or Numbers()
        _log.warning(
            "The file %s cannot be used (%s). This process keeps to the rate limits without regard to others; "
            "to share them again, free the disk or set WEFT_STATE_DIR to a folder that can be written to.",
            self.path,
            error.strerror or error,
        )
        return self._own
