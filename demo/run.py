"""The demo from raw files to delivered audiences: everything that ``make demo`` does."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.generate import VERSION, Generated, generate
from demo.settings import Settings
from demo.simulator import answers, sandbox, stop_orphan
from demo.summary import print_summary
from demo.write import read_manifest
from warehouse.errors import ConfigError
from warehouse.lock import alone

PEOPLE = 5_000
SEED = 7
_MEND = 2  # exit code of a run whose message has said what to mend


def run(settings: Settings, console: Console, *, day: int | None = None, people: int | None = None) -> int:
    """Loads raw data up to a day, refreshes everything through Dagster and sums up.

    Args:
        settings: Where things are.
        console: Where to tell about it.
        day: The day to load up to; the latest that is there, or 1, when left out. Time never runs backwards.
        people: How many people there are on day 1; those of the data that is there when left out.

    Returns:
        The exit code of the run.

    Raises:
        WeftError: One message that says what to mend.
    """
    started = time.monotonic()
    _check_parts(settings.root)
    lock = settings.sandbox_state.with_name("demo.lock")
    with alone(lock, "demo", lambda text: console.print(text, highlight=False)), sandbox(settings) as was_started:
        where = "started" if was_started else "already running"
        console.print(f"[bold]sandbox[/]   {where} at {settings.sandbox_url}", highlight=False)
        today = prepare(settings, console, day=day, people=people)
        done = subprocess.run(
            [sys.executable, "-m", "assets.run"], cwd=settings.root, env=settings.environment(today), check=False
        )
        if done.returncode == 0:
            print_summary(settings, console, today)
            console.print(f"[dim]{time.monotonic() - started:.0f} s in all[/]", highlight=False)
        elif done.returncode != _MEND:
            console.print(
                "[red]The run did not finish.[/] Run the same command again: it takes up where this one left off."
            )
    return done.returncode


def prepare(settings: Settings, console: Console, *, day: int | None = None, people: int | None = None) -> int:
    """Writes the raw files that are missing, and ``.env``.

    Returns:
        The day that the data is at.

    Raises:
        ConfigError: The data that is there is of another size or version, or the day is not a day.
    """
    today, size = plan_days(settings.raw, day, people)
    if day is not None and day < today:
        console.print(f"[yellow]Day {today} is loaded already, and time does not run backwards: going on with it.[/]")
    for number in range(1, today + 1):
        write_day(settings.raw, console, day=number, people=size)
    if not settings.write_env(today):
        console.print(
            f"[yellow]{settings.env_file.name} is your own file and stays as it is.[/] "
            "This run uses the demo's settings; `weft` commands will use yours."
        )
    return today


def plan_days(raw: Path, day: int | None, people: int | None) -> tuple[int, int]:
    """Decides which day the demo is at, and how many people it has, from what is asked for and what is there.

    Raises:
        ConfigError: They do not go together.
    """
    first = read_manifest(raw, 1)
    latest = 0
    while read_manifest(raw, latest + 1) is not None:
        latest += 1
    if day is not None and day < 1:
        raise ConfigError(f"There is no day {day}.", where="--day", fix="Days are counted from 1.")
    if first is None:
        return day or 1, PEOPLE if people is None else people
    size = int(str(first["people"]))
    fresh = "Start over with `python -m demo reset`, then run the demo again."
    if first.get("version") != VERSION or first.get("seed") != SEED:
        raise ConfigError("The raw data was written by another version or seed of the demo.", where=str(raw), fix=fresh)
    if people is not None and people != size:
        raise ConfigError(f"The demo that is loaded has {size:,} people, not {people:,}.", where=str(raw), fix=fresh)
    return max(day or latest, latest), size


def write_day(
    out: Path, console: Console, *, day: int, people: int, seed: int = SEED, force: bool = False
) -> Generated:
    """Writes the raw files of one day, with a progress bar.

    Raises:
        ConfigError: The folder holds data of another world, or the day before is missing.
    """
    columns = (
        TextColumn(f"raw data, day {day}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("people"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        result = generate(
            out,
            people=people,
            day=day,
            seed=seed,
            force=force,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    verb = "written" if result.written else "there already"
    console.print(f"[bold]raw data[/]  day {day} {verb}: {sum(result.rows.values()):,} rows", highlight=False)
    return result


def reset(settings: Settings) -> list[Path]:
    """Deletes what the demo made: raw files, warehouse, Dagster's history and the simulated accounts' contents.

    Returns:
        What was deleted.

    Raises:
        ConfigError: A sandbox is running; it would go on writing to the deleted file.
    """
    stop_orphan(settings)
    if answers(settings):
        raise ConfigError(
            "A sandbox is running on its old contents.",
            where=settings.sandbox_url,
            fix="Stop it (`make dev`), then reset again.",
        )
    home = settings.root / ".weft"
    made = [settings.raw, home / "dagster"]
    for file in (settings.database, settings.sandbox_state):
        made += [file.with_name(f"{file.name}{ending}") for ending in ("", ".wal", "-wal", "-shm")]
    # Only what lies in the demo's own folder: a path from the environment may lead to something of the user's.
    gone = [path for path in made if path.exists() and path.is_relative_to(home)]
    for path in gone:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return gone


def _check_parts(root: Path) -> None:
    missing = [name for name in ("assets", "sandbox", "reverse_etl") if importlib.util.find_spec(name) is None]
    if missing or not (root / "dbt_project.yml").exists():
        raise ConfigError(
            "The demo needs weft's whole source tree.",
            where=f"{root}: no {', '.join(missing) or 'dbt_project.yml'}",
            fix="Run it in a clone of the repository.",
        )
