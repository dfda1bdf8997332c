"""Makes sure that the simulated accounts answer while the demo runs, and leaves things as they were found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from demo.settings import Settings
from warehouse.errors import ConfigError, WeftError

_NAME = "weft sandbox"
_PATIENCE = 20.0  # seconds until a started sandbox must answer


@contextmanager
def sandbox(settings: Settings) -> Iterator[bool]:
    """Starts the sandbox if none answers, and stops it again in the end.

    Yields:
        Whether it had to be started.

    Raises:
        ConfigError: Something else listens on the port.
        WeftError: The sandbox did not start.
    """
    if answers(settings):
        try:
            yield False
        finally:
            stop_orphan(settings)
        return
    settings.logs.mkdir(parents=True, exist_ok=True)
    settings.sandbox_state.parent.mkdir(parents=True, exist_ok=True)
    log = settings.logs / "sandbox.log"
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--port",
        str(settings.sandbox_port),
        "--state",
        str(settings.sandbox_state),
    ]
    with log.open("w") as output:
        # A session of its own: Ctrl-C reaches the run first, which may still be talking to the sandbox.
        process = subprocess.Popen(  # noqa: S603 - no shell, our own words
            command, cwd=settings.root, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=os.environ
        )
    _note(settings).write_text(f"{process.pid} {os.getpid()}")
    try:
        deadline = time.monotonic() + _PATIENCE
        while not answers(settings):
            if process.poll() is not None or time.monotonic() > deadline:
                raise WeftError(
                    "The sandbox did not start.", where=str(log), fix="Read the log; then run the demo again."
                )
            time.sleep(0.05)
        yield True
    finally:
        _note(settings).unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _note(settings: Settings) -> Path:
    """Who started the running sandbox: its process and that of its starter."""
    return settings.sandbox_state.with_name(f"{settings.sandbox_state.name}.pid")


def stop_orphan(settings: Settings) -> None:
    """Stops the sandbox of a demo that was killed, for nobody else will; any other is left alone."""
    try:
        process, starter = (int(word) for word in _note(settings).read_text().split())
    except (FileNotFoundError, ValueError):
        return
    # Numbers of processes are used again: what answers must be what was started then.
    if _lives(starter) or _asked(settings).get("pid") != process:
        return
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(ConfigError):  # a dying one breaks the connection
            if not answers(settings):
                break
        time.sleep(0.05)
    _note(settings).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def answers(settings: Settings) -> bool:
    """Whether a sandbox answers on the port.

    Raises:
        ConfigError: Something else does.
    """
    return bool(_asked(settings))


def _asked(settings: Settings) -> dict[str, Any]:
    """What the sandbox on the port says of itself; nothing if none listens."""
    taken = ConfigError(
        f"Port {settings.sandbox_port} is taken by another program.",
        where=settings.sandbox_url,
        fix="Stop that program, or choose another port: WEFT_SANDBOX_PORT=8421 make demo",
    )
    try:
        with urllib.request.urlopen(f"{settings.sandbox_url}/health", timeout=5) as response:  # noqa: S310 - http, this machine
            found = json.load(response)
    except urllib.error.HTTPError:
        raise taken from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return {}
        raise taken from None
    except (OSError, ValueError):
        raise taken from None
    if not isinstance(found, dict) or found.get("name") != _NAME:
        raise taken
    return found
