"""dbt's command line without its start-up: a server that has imported dbt once forks a process for each command."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path

# Importing dbt takes longer than most of its commands do on few rows. A fork starts with the import done, and
# is as new as any other process otherwise: it shares no connection, setting or cache with the one before it.
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb", "dbt.adapters.snowflake", "dbt.task.build"])


def dbt(*arguments: str, cwd: Path, env: Mapping[str, str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run a dbt command in a folder, with exactly these environment variables.

    Returns:
        The exit code, and as ``stdout`` all that dbt printed.

    Raises:
        subprocess.TimeoutExpired: The command took longer than ``timeout`` seconds; it was killed.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as output:
        process = _FORKS.Process(target=_main, args=(arguments, str(cwd), dict(env), output.name))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["dbt", *arguments], timeout, output.read())
        done = subprocess.CompletedProcess(["dbt", *arguments], process.exitcode, output.read(), "")
        process.close()
        return done


def _main(arguments: tuple[str, ...], cwd: str, env: dict[str, str], output: str) -> None:
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)

    from dbt.cli.main import cli

    cli(arguments)  # ends the process with dbt's exit code
