"""Where a refresh token is kept that the vendor gave in exchange for the one in the settings.

A vendor that rotates refresh tokens takes each of them once. So the newest one is kept in a file for the next run, and
processes take turns: two that spend the same token would lock each other out, or have all of them revoked.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reverse_etl.account import state_folder
from reverse_etl.errors import DestinationDown

PATIENCE = 180.0  #: seconds to wait for another process, which holds the lock over all its attempts and time-outs
_POLL = 0.05

_log = logging.getLogger(__name__)


class KeptToken:
    """The newest refresh token that came of the one in the settings.

    Args:
        original: The refresh token of the settings; only a hash of it names the file.
        folder: Where files are; the state folder of this user when left out.
    """

    def __init__(self, original: str, folder: Path | None = None) -> None:
        digest = hashlib.sha256(original.encode()).hexdigest()[:32]
        self.path = (folder or state_folder() / "tokens") / f"{digest}.token"
        self._original = original
        self._not_kept: str | None = None

    def read(self) -> str:
        """Return the newest token; the one of the settings, where the vendor never gave another."""
        if self._not_kept is not None:
            return self._not_kept
        try:
            return self.path.read_text(encoding="utf-8") or self._original
        except (OSError, UnicodeDecodeError):
            return self._original

    def write(self, token: str) -> None:
        """Keep a new token: whole or not at all, also if the process is killed meanwhile."""
        beside = self.path.with_suffix(".new")
        try:
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(token)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self.path)
            self._not_kept = None
        except OSError as error:
            self._not_kept = token
            _log.warning(
                "The destination gave a new refresh token, and it cannot be kept in %s (%s). This run goes on with it; "
                "the next one needs a new authorisation. Set WEFT_STATE_DIR to a folder that can be written to and "
                "that lasts.",
                self.path.parent,
                error.strerror or type(error).__name__,
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process of this machine at a time read, spend and write the token.

        Raises:
            DestinationDown: Another process holds the lock and does not go on.
        """
        lock = self._lock()
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)  # frees it, as the death of the process would

    def _lock(self) -> int | None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None  # nowhere to keep anything: there is nothing to share either, and a rotation is warned about
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(file)
                    raise DestinationDown(
                        "Another process has been renewing the same refresh token for minutes.",
                        where=str(self.path.with_suffix(".lock")),
                        fix="See whether a weft process hangs, end it, and run again.",
                    ) from None
            except OSError:
                os.close(file)
                return None  # a file system without locks
            time.sleep(_POLL)
