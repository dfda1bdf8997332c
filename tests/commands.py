"""Commands without their start-up: a server that has imported dbt and weft once forks a process for each command."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import IO

from tests.templates import keep_templates

# Importing takes longer than most commands do on few rows. A fork starts with the import done, and is as new as any
# other process otherwise: it shares no connection, setting or cache with the one before it.
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.preload"])


def dbt(*arguments: str, cwd: Path, env: Mapping[str, str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run a dbt command as ``python`` does; its ``stdout`` has all that dbt printed."""
    with _text() as output:
        code = _fork(("dbt.cli.main", *arguments), cwd, env, timeout, output, output)
        return subprocess.CompletedProcess(["dbt", *arguments], code, output.read(), "")


def python(*command: str, cwd: Path, env: Mapping[str, str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run ``python -m <command>`` in a folder, with exactly these environment variables.

    Returns:
        The exit code and what the command printed.

    Raises:
        subprocess.TimeoutExpired: The command took longer than ``timeout`` seconds; it was killed.
    """
    with _text() as output, _text() as errors:
        code = _fork(command, cwd, env, timeout, output, errors)
        return subprocess.CompletedProcess(command, code, output.read(), errors.read())


@cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="weft-templates-")


def _text() -> IO[str]:
    return tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace")


def _fork(
    command: tuple[str, ...], cwd: Path, env: Mapping[str, str], timeout: float, output: IO[str], errors: IO[str]
) -> int:
    files = output.name, errors.name
    process = _FORKS.Process(target=_main, args=(command, str(cwd), dict(env), _templates().name, *files))
    process.start()
    process.join(timeout)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired(command, timeout, output.read(), errors.read())
    process.close()
    return code


def _main(command: tuple[str, ...], cwd: str, env: dict[str, str], templates: str, *files: str) -> None:
    for standard, name in enumerate(files, start=1):
        file = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, standard)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = list(command)
    keep_templates(Path(templates))
    warnings.simplefilter("ignore")  # as the module was imported for other commands already, Python would warn of it
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)  # ends the process with the command's exit code
