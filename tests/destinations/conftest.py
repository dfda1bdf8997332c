"""Rows to send, and a small server that misbehaves on request."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row
from sandbox.server import Running, start

Answer = Callable[[socket.socket], None]


def make_row(
    key: str, op: Op = Op.ADD, *, changed: tuple[str, ...] = (), known_as: str | None = None, **payload: Any
) -> Row:
    return Row(key, op, payload, frozenset(changed), known_as)


def reply(status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Answer:
    """Answer properly."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def reset(connection: socket.socket) -> None:
    """Break the connection hard, after the request was read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(connection: socket.socket) -> None:
    """Say nothing until the client has hung up."""
    connection.settimeout(5)
    connection.recv(1)


def truncated(connection: socket.socket) -> None:
    """Promise more than is sent."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"data": [')


class Misbehaving:
    """Plays one scripted answer per connection, the last one for ever, and remembers the requests."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.script: list[Answer] = []
        self.requests: list[bytes] = []

    def play(self, *answers: Answer) -> None:
        self.script = list(answers)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(self._read(connection))
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                answer(connection)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        connection.settimeout(5)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65_536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        misbehaving = Misbehaving(listener)
        thread = threading.Thread(target=misbehaving.serve, daemon=True)
        thread.start()
        yield misbehaving
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


class FakeTime:
    """Time that passes only when somebody sleeps.

    Args:
        real: Most seconds that a sleep really takes.
    """

    def __init__(self, real: float = 0.0) -> None:
        self.naps: list[float] = []
        self._now = 1_000.0
        self._real = real
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.naps.append(seconds)
            self._now += seconds
        if self._real:
            time.sleep(min(seconds, self._real))


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def naps(fake_time: FakeTime) -> list[float]:
    """The seconds that the client would have slept."""
    return fake_time.naps


@pytest.fixture
def client(server: Misbehaving, fake_time: FakeTime) -> Iterator[HttpClient]:
    headers = {"Authorization": "secret-token"}
    made = HttpClient(server.url, headers, sleep=fake_time.sleep, clock=fake_time.clock, read_timeout=0.3, attempts=4)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def sandbox(shared: Running) -> Iterator[Running]:
    """An account that holds whatever earlier tests sent, without their faults."""
    yield shared
    shared.clear_faults()
