"""Refreshes everything from a terminal: ``python -m assets.run``.

It is the same job that Dagster's schedule runs, recorded in the same ``DAGSTER_HOME``, so the UI shows it; only the
progress is drawn here. Whatever a user wrote wrongly is found before anything is built or sent.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from lineage.gate import check_policy
from reverse_etl.connections import load_connections
from reverse_etl.definitions import load_syncs
from reverse_etl.guards import DECISIONS, allowed
from segments.check import check_traits
from warehouse.base import Warehouse
from warehouse.compiled import compile_project
from warehouse.errors import UnexpectedError, WarehouseError, WeftError
from warehouse.lock import alone
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse, read_output
from warehouse.project import connections_path, load_settings, prepare_manifest, project_root, run_moment
from warehouse.raw_check import check_raw

if TYPE_CHECKING:
    import dagster as dg

#: How long to wait for another process that is writing to the DuckDB file (seconds): a killed run's dbt may live on.
_PATIENCE = 90.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the whole graph once.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit code: 0; 2 for what the user has to mend; 3 where a guard stopped a sync; 1 for other failures.
    """
    parser = argparse.ArgumentParser(
        prog="python -m assets.run", description="Refresh everything: models, tests, syncs."
    )
    parser.add_argument(
        "--log", type=Path, help="file for dbt's and Dagster's own output (default .weft/logs/assets.log)"
    )
    parser.add_argument(
        "--allow", action="append", default=[], metavar="WHAT", help=f"let it pass once: {', '.join(DECISIONS)}"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    root = project_root()
    log = options.log or root / ".weft" / "logs" / "assets.log"
    terminal, errors = _take_over_output(log)
    console = Console(file=terminal)
    try:
        load_settings(root)
        home = (root / os.environ.get("DAGSTER_HOME", ".weft/dagster")).resolve()
        with alone(home.with_name(f"{home.name}.lock"), "run", lambda text: _tell(console, text)):
            allow = allowed(options.allow, "--allow")
            check_before(root, console)
            code, messages = _run(root, console, started, allow)
    except WeftError as error:
        code, messages = error.exit_code, [str(error)]
    except Exception as error:
        sys.stderr.write(f"{UnexpectedError(error, 'The run')}\n")  # into the log
        code, messages = 1, [f"An unexpected {type(error).__name__} ended the run; {log} has the details."]
    for message in messages:
        print(message, file=errors)
    return code


def _tell(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def check_before(root: Path, console: Console) -> None:
    """Find what a user wrote wrongly, or did not set, before anything is built, changed or sent.

    Raises:
        WeftError: The message names the file and the field, and what to do.
    """
    run_moment()
    manifest = Manifest.load(prepare_manifest(root))
    syncs = load_syncs(manifest)
    if syncs:
        connections = load_connections(connections_path(root))
        for name in sorted({sync.connection for sync in syncs}):
            connections[name].settings()
        check_policy(root, manifest, connections, syncs)
    with _opened(root, console) as warehouse:
        check_raw(manifest, warehouse.columns if warehouse else lambda relation: [], root=root)
    check_traits(manifest, compile_project(root), manifest.adapter)


def _run(root: Path, console: Console, started: float, allow: frozenset[str]) -> tuple[int, list[str]]:
    from dagster import DagsterInstance

    from assets.automation import JOB_NAME
    from assets.definitions import defs
    from assets.home import PID_TAG, close_dead_runs, prepare_home
    from assets.syncs import ALLOW_TAG
    from assets.terminal import TerminalProgress

    prepare_home(root)
    with DagsterInstance.get() as instance, TerminalProgress(console) as progress:
        if close_dead_runs(instance):
            progress.say("an earlier run was cut off; taking up from where it left the warehouse")
        result = (
            defs()
            .resolve_job_def(JOB_NAME)
            .execute_in_process(
                instance=instance,
                resources={"progress": progress},
                tags={
                    PID_TAG: str(os.getpid()),
                    "weft/started_from": "terminal",
                    **({ALLOW_TAG: ",".join(sorted(allow))} if allow else {}),
                },
                raise_on_error=False,
            )
        )
        code, messages = outcome_of(result)
        seconds = time.monotonic() - started
        progress.say(f"{'done' if code == 0 else 'stopped'} after {seconds:.1f} s; Dagster run {result.run_id}")
    return code, messages


def outcome_of(result: dg.ExecuteInProcessResult) -> tuple[int, list[str]]:
    """Return the exit code of a finished run, and the messages that explain it if it is not 0."""
    from assets.syncs import EXIT_CODE

    code, messages = 0, []
    for event in result.get_step_failure_events():
        failure = event.step_failure_data.user_failure_data
        if failure:
            code = code or _exit_code(failure.metadata.get(EXIT_CODE))
            messages.append(failure.description or "failed")
        elif event.step_failure_data.error and event.step_failure_data.error_source.value == "USER_CODE_ERROR":
            code = code or 1
            messages.append(_unexpected(event.step_key, event.step_failure_data.error))
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.check_name == "guards":
            code = code or _exit_code(evaluation.metadata.get(EXIT_CODE))
            messages.append(f"{evaluation.asset_key.path[-1]}: {evaluation.description}")
    if not result.success and code == 0:
        return 1, [*messages, "The run failed; Dagster's page of the run has the details."]
    return code, messages


def _unexpected(step: str | None, error: Any) -> str:
    """Describe an error that nobody foresaw by its kind alone: its message may hold anything; the log has all of it."""
    while error.cause:
        error = error.cause
    return f"{step} failed with an unexpected {error.cls_name}; the log and Dagster's page of the run have the details"


def _exit_code(value: Any) -> int:
    return int(value.value) if value is not None else 1


@contextmanager
def _opened(root: Path, console: Console) -> Iterator[Warehouse | None]:
    """Open the warehouse once, so that a wrong password or a broken file shows now.

    DuckDB takes one writer at a time, and the dbt of a killed run may still be writing: wait for it, within reason.

    Yields:
        The warehouse, or nothing where dbt has yet to create the DuckDB file.
    """
    output, _ = read_output(root, None, os.environ)
    if output["type"] == "duckdb" and not (root / output["path"]).exists():
        (root / output["path"]).parent.mkdir(parents=True, exist_ok=True)
        yield None
        return
    deadline, told = time.monotonic() + _PATIENCE, False
    while True:
        try:
            warehouse = open_warehouse(root)
            break
        except WarehouseError as error:
            if "in use" not in error.what or time.monotonic() > deadline:
                raise
            if not told:
                _tell(console, f"{error.what} Waiting for it.")
                told = True
            time.sleep(1)
    with warehouse:
        yield warehouse


def _take_over_output(log: Path) -> tuple[TextIO, TextIO]:
    """Send everything that dbt, Dagster and libraries print to a file, and return stdout and stderr for ourselves.

    Dagster captures a run's output at the level of file descriptors, so this has to happen there too.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    out, errors = (os.fdopen(os.dup(stream.fileno()), "w", buffering=1) for stream in (sys.stdout, sys.stderr))
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(target, sys.stdout.fileno())
    os.dup2(target, sys.stderr.fileno())
    os.close(target)
    return out, errors


if __name__ == "__main__":
    sys.exit(main())
