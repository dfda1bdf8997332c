"""Run the sandbox: from the command line, or in a thread of a test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from sandbox.app import Sandbox
from sandbox.faults import Fault
from sandbox.store import Store, decode_all


class Account:
    """A look at one simulated account, for a test's assertions."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sandbox = sandbox
        self.name = name

    @property
    def _store(self) -> Store:
        self._sandbox.advance()
        return self._sandbox.store

    @property
    def lists(self) -> dict[str, int]:
        """Every list or audience of the account, with its number of members."""
        rows = self._store.query("select id from lists where account = ? order by id", self.name)
        return {row["id"]: self._store.count_members(self.name, row["id"]) for row in rows}

    def members(self, list_id: str) -> list[dict[str, Any]]:
        """The data of a list's members, in the order of their ids."""
        return decode_all(self._store.members(self.name, list_id))

    @property
    def records(self) -> list[dict[str, Any]]:
        """The data of all profiles or contacts, whether in a list or not."""
        return decode_all(self._store.records(self.name))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call, oldest first: at, method, path (a template), status (0: connection broken), rows, ms."""
        return self._store.query("select * from calls where account = ? order by id", self.name)

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """Everything that was refused, oldest first: at, path, code, reason, rows."""
        return self._store.query("select * from refusals where account = ? order by at, rowid", self.name)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Adds, changes and removals, oldest first: at, list_id, added, changed, removed."""
        return self._store.history(self.name)

    def create_list(self, list_id: str, name: str) -> None:
        """Create another list or audience."""
        self._store.create_list(self.name, list_id, name)


class Running:
    """A sandbox that serves from a thread of this process.

    Attributes:
        url: Where it listens; each vendor is below its name, such as ``/klaviyo``.
        accounts: The accounts by name.
    """

    def __init__(self, sandbox: Sandbox, listener: socket.socket) -> None:
        self.sandbox = sandbox
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.accounts: Mapping[str, Account] = {name: Account(sandbox, name) for name in sandbox.apis}
        self._listener = listener
        self._server = uvicorn.Server(config(sandbox))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.005)

    def environment(self) -> dict[str, str]:
        """Return the variables that point a connections.yml at this sandbox."""
        return self.sandbox.environment(self.url)

    def fault(self, kind: str, account: str = "*", **fields: Any) -> None:
        """Switch a fault on; the fields are those of :class:`sandbox.faults.Fault`."""
        self.sandbox.faults.add(Fault.parse({"kind": kind, "account": account, **fields}))

    def clear_faults(self) -> None:
        """Switch all faults off and let stuck jobs go on."""
        self.sandbox.clear_faults()

    def stop(self) -> None:
        """Stop serving and close the state."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()
        self.sandbox.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def config(sandbox: Sandbox) -> uvicorn.Config:
    """Return how uvicorn serves the sandbox: quietly, and one process, because the state is one file."""
    return uvicorn.Config(
        sandbox, ws="none", lifespan="off", log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )


def listen(port: int) -> socket.socket:
    """Return a listening socket on this machine only; port 0 takes any free one.

    Raises:
        OSError: The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def start(
    port: int = 0, state: str | Path = ":memory:", *, limit_scale: float = 100.0, job_seconds: float = 0.05
) -> Running:
    """Start a sandbox in a thread, for a test.

    Args:
        port: 0 takes any free port.
        state: A file that outlives the sandbox, or ``:memory:``.
        limit_scale: 1 for the vendors' own rate limits; large by default, so that tests of other matters do not wait.
        job_seconds: How long an asynchronous job takes.
    """
    listener = listen(port)
    return Running(Sandbox(Store(str(state)), limit_scale=limit_scale, job_seconds=job_seconds), listener)
