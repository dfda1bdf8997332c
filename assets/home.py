"""Where Dagster keeps its runs, and the clearing up after a run whose process was killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg

#: Tag of a run that was started from a terminal: its process, so that a later start can tell whether it still lives.
PID_TAG = "weft/pid"

_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def prepare_home(root: Path) -> Path:
    """Make sure that ``DAGSTER_HOME`` is set, exists and holds a ``dagster.yaml``, which starts as a copy of ours.

    Args:
        root: The project's folder.

    Returns:
        The folder: ``DAGSTER_HOME``, or ``.weft/dagster`` in the project.
    """
    home = (root / os.environ.get("DAGSTER_HOME", ".weft/dagster")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(Path(__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark terminal runs whose process is gone as failed, and free the places that they hold in the pools.

    Returns:
        How many there were.
    """
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED))
    dead = [run for run in runs if PID_TAG in run.tags and not _is_alive(int(run.tags[PID_TAG]))]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended before the run did.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():  # the number of a dead process, given to this one
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
