"""A destination over real HTTP that remembers every row it ever took, and keeps what it took when its caller dies."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

ANSWER_SECONDS = 0.003  #: between taking a call and answering it
JOB_SECONDS = 0.02  #: between accepting a job and doing it, which happens whether anybody asks after it or not


class Arrival(NamedTuple):
    """A row that was taken.

    Attributes:
        epoch: Number of the process that sent it.
        op: What it asked for.
        key: Its key.
    """

    epoch: int
    op: str
    key: str


@dataclass
class Ledger:
    """What the destination holds and took.

    Attributes:
        rows: What it holds: key to payload.
        arrivals: Every row that it ever took, in order.
        epoch: Number of the process that is sending now; set by the test.
        loses: Every so many rows, one is confirmed and forgotten, which no engine can know; 0 for none.
    """

    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    epoch: int = 0
    loses: int = 0
    jobs: deque[tuple[float, str, dict[str, Any]]] = field(default_factory=deque)
    finished: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, batch: dict[str, Any], epoch: int) -> None:
        """Hold the rows of a batch, or no longer hold them."""
        for row in batch["rows"]:
            self.arrivals.append(Arrival(epoch, batch["op"], row["key"]))
            if batch["op"] == "remove":
                self.rows.pop(row["key"], None)
            elif not self.loses or len(self.arrivals) % self.loses:
                self.rows[row["key"]] = row["payload"]

    def advance(self, until: float | None = None) -> None:
        """Do the jobs that are due, in the order in which they came."""
        now = time.monotonic() if until is None else until
        while self.jobs and self.jobs[0][0] <= now:
            _, job, batch = self.jobs.popleft()
            self.take(batch, batch["epoch"])
            self.finished.add(job)

    def rest(self) -> None:
        """Do all jobs that were accepted."""
        with self.lock:
            self.advance(float("inf"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ledger: Ledger

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the caller died while it was writing: nothing was asked
            self.close_connection = True
            return
        batch = json.loads(body)
        with self.ledger.lock:
            self.ledger.advance()
            if self.path == "/jobs":
                job = f"job-{len(self.ledger.finished) + len(self.ledger.jobs) + 1}"
                batch["epoch"] = self.ledger.epoch
                self.ledger.jobs.append((time.monotonic() + JOB_SECONDS, job, batch))
                answer = {"job": job}
            else:
                self.ledger.take(batch, self.ledger.epoch)
                answer = {}
        time.sleep(ANSWER_SECONDS)
        self._answer(answer)

    def do_GET(self) -> None:
        with self.ledger.lock:
            self.ledger.advance()
            done = self.path.removeprefix("/jobs/") in self.ledger.finished
        self._answer({"done": done})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # nobody is there any more to hear it
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that is killed resets its connections, which is the point."""


class Server:
    """The destination, served from threads of this process."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        handler = type("Handler", (_Handler,), {"ledger": self.ledger})
        self._server = _Threads(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
