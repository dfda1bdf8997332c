"""A server that takes everything: it reads each request to its end, counts it and answers 200 with an empty object.

It does as little as possible, so that what is measured is the sender. Runs in a process of its own:

    python -m benchmarks.accept
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_CHUNK = 1 << 20


def serve() -> None:
    """Answer on a free port of this machine, which is printed first, until the process is ended."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_talk, args=(connection,), daemon=True).start()


def _talk(connection: socket.socket) -> None:
    """Answer the requests of one connection."""
    room = memoryview(bytearray(_CHUNK))
    with connection:
        head = b""
        while True:
            while b"\r\n\r\n" not in head:
                received = connection.recv(65_536)
                if not received:
                    return
                head += received
            headers, _, body = head.partition(b"\r\n\r\n")
            left = _length(headers) - len(body)
            while left > 0:
                count = connection.recv_into(room, min(left, _CHUNK))
                if not count:
                    return
                left -= count
            head = b""
            connection.sendall(_ANSWER)


def _length(headers: bytes) -> int:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


@contextmanager
def running() -> Iterator[str]:
    """Start the server in another process and yield its address."""
    command = [sys.executable, "-m", "benchmarks.accept"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


if __name__ == "__main__":
    serve()
