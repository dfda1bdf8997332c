"""Where a process runs, so that another one can tell whether it still does."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import getnode, uuid4

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_GONE = ("Z", "X")  # states of a process that ended and was not yet collected by its parent
_STATE, _STARTED = 0, 19  # places in /proc/PID/stat, counted from behind the program's name


@dataclass(frozen=True, slots=True)
class Place:
    """One process on one machine.

    Attributes:
        host: The machine's name, for people. Two machines may bear the same.
        machine: The running system whose process ids mean the same: its boot and its namespace of processes.
        pid: The process id there.
        started: When the process began, as the system counts it: process ids are used again.
    """

    host: str
    machine: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Place:
        """Return the place of this process."""
        pid = os.getpid()
        return cls(socket.gethostname(), _machine(), pid, _started(pid))

    def owner(self) -> str:
        """Return a new name for something that this process is going to hold."""
        return f"{uuid4().hex}.{self.machine}.{self.started}"

    def has_ended(self, owner: str, pid: int) -> bool:
        """Tell whether the process that made a name has certainly ended; false where that cannot be seen from here."""
        _, machine, started = f"{owner}..".split(".")[:3]
        if machine != self.machine:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it lives, and is somebody else's
        now = _started(pid)
        return bool(now) and bool(started) and now != started


def _machine() -> str:
    try:
        known = f"{_BOOT.read_text().strip()} {_NAMESPACE.stat().st_ino}"
    except OSError:
        known = f"{socket.gethostname()} {getnode()}"
    return sha256(known.encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """Return when a process began, or nothing where the system does not tell."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "ended" if parts[_STATE] in _GONE else parts[_STARTED]
    except FileNotFoundError:
        return _started_by_ps(pid)
    except OSError:
        return ""


def _started_by_ps(pid: int) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # a number is all that varies
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
            env={"LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "-".join(done.stdout.replace(".", "").split())
