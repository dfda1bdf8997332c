"""The process that is killed: it runs one sync for real, and marks in a shared byte what it is doing."""

from __future__ import annotations

import mmap
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar

from reverse_etl import send
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Delivery, Family, HttpSettings, Limits, Mode, ObjectSpec, Page
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.engine import run_sync
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Outcome, Row, RowResult
from warehouse.duck import DuckWarehouse

AS_OF = datetime(2026, 7, 1)
BATCH = 5
COMMIT_EVERY = 0.03  #: seconds; the two seconds of a real run would leave little to kill between
MARK_BYTES = 16


class Phase(IntEnum):
    """What the process is doing."""

    START = 0
    PLAN = 1
    SEND = 2
    COMMIT = 3
    SETTLE = 4
    END = 5


@dataclass(frozen=True)
class Job:
    """What a process is to do; travels to it as it is.

    Attributes:
        warehouse: The DuckDB file.
        url: Where the destination listens.
        mark: The file with the shared byte.
        sync: The sync.
    """

    warehouse: str
    url: str
    mark: str
    state: str
    sync: SyncDefinition


class Mark:
    """A few bytes that two processes share: the phase, and how many phases there were before it."""

    def __init__(self, path: str) -> None:
        with Path(path).open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), MARK_BYTES)

    @staticmethod
    def create(path: Path) -> Mark:
        """Return a new one."""
        path.write_bytes(bytes(MARK_BYTES))
        return Mark(str(path))

    def set(self, phase: Phase) -> Phase:
        """Note a phase and return the one before it."""
        before = Phase(self._bytes[0])
        self._bytes[0] = phase
        self._bytes[1 + phase] = min(self._bytes[1 + phase] + 1, 255)
        return before

    @property
    def phase(self) -> Phase:
        """The phase."""
        return Phase(self._bytes[0])

    def entered(self, phase: Phase) -> int:
        """Return how often a phase was entered."""
        return self._bytes[1 + phase]


class QuickClock(Clock):
    """Waits no longer than the test's jobs take."""

    def sleep(self, seconds: float) -> None:
        """Wait a little."""
        super().sleep(min(seconds, 0.01))


class MarkedWarehouse(DuckWarehouse):
    """Marks its transactions."""

    mark: Mark

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything at the end, or nothing when it raises."""
        if self.mark.phase not in (Phase.SEND, Phase.SETTLE):
            with super().transaction():
                yield
            return
        before = self.mark.set(Phase.COMMIT)
        with super().transaction():
            yield
        self.mark.set(before)


_LIMITS = dict.fromkeys(Op, Limits(rows=BATCH, bytes=100_000, calls_per_second=100_000, burst=100_000))


def _spec(**changes: Any) -> ObjectSpec:
    settings: dict[str, Any] = {
        "modes": frozenset(Mode),
        "keys": frozenset({"email"}),
        "columns": frozenset({"email", "phone", "first_name"}),
        "identifiers": {"email": "email"},
        "limits": _LIMITS,
        "concurrency": 4,
    }
    return ObjectSpec(**settings | changes)


class Remote(HttpDestination):
    """The destination over HTTP."""

    name = "memory"
    label = "Remote"
    api_version = "1"
    api_version_ends: ClassVar[date | None] = None
    family = Family.ANYTHING
    documentation: ClassVar[Sequence[Page]] = (Page("tests/faults/server.py", date(2026, 11, 22)),)
    settings_class = HttpSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": _spec(),
        "list": _spec(asynchronous=True),
        "once": _spec(idempotent=False),
    }
    mark: Mark

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return none."""
        return {}

    def check(self, delivery: Delivery) -> None:
        """Note that sending begins."""
        self.mark.set(Phase.SEND)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return about what JSON takes."""
        return len(str(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Send a batch, or hand it to a job."""
        self.mark.set(Phase.SEND)
        spec = self.objects[delivery.object]
        body = {"op": str(op), "rows": [{"key": row.key, "payload": row.payload} for row in rows]}
        path = "/jobs" if spec.asynchronous else "/rows"
        answer = self.http.request("POST", path, json=body, idempotent=spec.idempotent)
        if spec.asynchronous:
            return [RowResult(row.key, Outcome.ACCEPTED, job_id=answer.body["job"]) for row in rows]
        return [RowResult(row.key, Outcome.APPLIED) for row in rows]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask whether a job is done."""
        self.mark.set(Phase.SETTLE)
        answer = self.http.request("GET", f"/jobs/{job_id}", idempotent=True)
        return [RowResult(row.key, Outcome.APPLIED) for row in rows] if answer.body["done"] else None


@dataclass
class Line:
    """A connection to it."""

    url: str
    mark: Mark

    def open(self) -> Remote:
        """Return the destination."""
        remote = Remote(HttpSettings(base_url=self.url), HttpClient(self.url, {}))
        remote.mark = self.mark
        return remote


def main(job: Job, errors: str) -> None:
    """Run the sync once. The exit code is 0 when it is done, 3 when jobs are still open, 1 when it failed."""
    os.environ["WEFT_STATE_DIR"] = job.state
    mark = Mark(job.mark)

    def progress(phase: str, done: int, total: int) -> None:
        if phase == "plan" and not done:
            mark.set(Phase.PLAN)

    code = 1
    try:
        vars(send)["COMMIT_EVERY"] = COMMIT_EVERY
        with MarkedWarehouse(job.warehouse, "weft", {"TimeZone": "UTC"}) as warehouse:
            warehouse.mark = mark
            lines: Any = {"memory": Line(job.url, mark)}
            report = run_sync(warehouse, job.sync, lines, AS_OF, progress, clock=QuickClock())
            mark.set(Phase.END)
        code = 0 if report.status == "done" else 3
    except BaseException:
        Path(errors).write_text(traceback.format_exc(), encoding="utf-8")
        raise
    finally:
        os._exit(code)
