"""One process at a time, by a lock that the system frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import WeftError

_PATIENCE = 1_800.0  # seconds: longer than any run that is worth waiting for


@contextmanager
def alone(file: Path, what: str, tell: Callable[[str], object], patience: float = _PATIENCE) -> Iterator[None]:
    """Hold a lock while something runs of which there must be one at a time; wait for whoever holds it.

    Args:
        file: The lock; it holds the holder's process number and stays behind, empty of meaning.
        what: What there must be one of, for the message.
        tell: Is told that there is somebody to wait for.
        patience: How long to wait, in seconds.

    Raises:
        WeftError: It is still held after that.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as held:
        _take(held.fileno(), file, what, tell, time.monotonic() + patience)
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


def _take(lock: int, file: Path, what: str, tell: Callable[[str], object], deadline: float) -> None:
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = file.read_text(encoding="utf-8") or "unknown"
        if time.monotonic() > deadline:
            raise WeftError(
                f"Another {what} (process {holder}) is still at work.",
                where=str(file),
                fix=f"Wait for it, or end it: kill {holder}",
            )
        if not told:
            tell(f"Another {what} (process {holder}) is at work; waiting for it.")
            told = True
        time.sleep(0.2)
