"""A vendor over raw sockets that keeps what it takes, and misbehaves on demand."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from typing import Any

Fault = Callable[["Vendor", socket.socket], None]
INVALID = "?"  #: a first name that the vendor does not take


class Vendor:
    """One account. Its answers close the connection, so that a call and a connection are the same.

    Args:
        wall: Seconds since 1970 by the vendor's own clock, which is right.

    Attributes:
        rows: What it holds: key to values.
        arrived: How often each key was taken.
        fault: What it does instead of an answer once ``after`` batches were taken.
        lasts: Whether it does so until somebody ends it; otherwise it happens once.
        closes: Whether nobody listens any more after ``after`` batches.
        then: Called when ``after`` batches were taken.
        status: Of an answer to a batch.
        whole: Whether a batch with an invalid row is refused as a whole.
        busy: Keys that it asks to send again.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self.wall = wall
        self.rows: dict[str, dict[str, Any]] = {}
        self.arrived: Counter[str] = Counter()
        self.fault: Fault | None = None
        self.lasts = False
        self.closes = False
        self.then: Callable[[], None] | None = None
        self.after = 1
        self.status = 200
        self.whole = False
        self.busy: set[str] = set()
        self._batches = 0
        self._port = 0
        self.listen()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def listen(self) -> None:
        """Take connections, again at the same address where it did before."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def receive(self, connection: socket.socket) -> dict[str, Any] | None:
        """Read a request whole; return the batch in it, or ``None`` where it is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65_536)
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while len(body) < sum(map(int, lengths)):
            body += connection.recv(65_536)
        return json.loads(body) if body else None

    def take(self, batch: Mapping[str, Any]) -> bytes:
        """Do what a batch asks, and return the body of the answer."""
        results = []
        for row in batch["rows"]:
            key, values = row["key"], row["values"]
            code = "busy" if key in self.busy else "invalid" if values.get("first_name") == INVALID else ""
            if not code:
                self.arrived[key] += 1
                if batch["op"] == "remove":
                    self.rows.pop(key, None)
                else:
                    self.rows[key] = values
            results.append({"key": key, "code": code})
        return json.dumps({"results": results}).encode()

    def answer(
        self,
        connection: socket.socket,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        promised: int | None = None,
    ) -> None:
        """Answer, with a body as long as was promised, or shorter."""
        lines = [
            f"HTTP/1.1 {status} X",
            f"Date: {formatdate(self.wall(), usegmt=True)}",
            f"Content-Length: {len(body) if promised is None else promised}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # the client may hang up first
                connection.settimeout(5)
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        fault = self.fault if self._batches >= self.after else None
        if fault is not None:
            self.fault = fault if self.lasts else None
            fault(self, connection)
            return
        batch = self.receive(connection)
        if batch is None:
            self.answer(connection, 200, b'{"open": true}')
            return
        if self.whole and any(row["values"].get("first_name") == INVALID for row in batch["rows"]):
            self.answer(connection, 400, b'{"error": "a row is invalid"}')
            return
        body = self.take(batch)
        self._batches += 1
        if self._batches == self.after and self.then is not None:
            self.then()
        if self._batches == self.after and self.closes:
            self.close()
        self.answer(connection, self.status, body)


def hang_up_hard(connection: socket.socket) -> None:
    """Let the connection end with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
