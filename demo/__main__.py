"""``python -m demo generate`` and ``python -m demo run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import generate as generator
from warehouse.errors import WeftError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="An invented retailer, to try weft with.")
PEOPLE = 5_000
SEED = 7


@app.callback()
def _commands() -> None:
    """Keeps ``generate`` a command of its own."""


@app.command()
def generate(
    people: Annotated[int, typer.Option(help="People on day 1; later days add some.")] = PEOPLE,
    day: Annotated[int, typer.Option(help="1 for two years of history, 2 and up for what a later day adds.")] = 1,
    out: Annotated[Path, typer.Option(envvar="WEFT_RAW", help="Folder of the raw files.")] = Path(".weft/raw"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = SEED,
    force: Annotated[bool, typer.Option("--force", help="Replace data that was made from other arguments.")] = False,
) -> None:
    """Write one day's raw files: events, orders, contacts, loyalty cards, mailings, tickets, consents and the truth."""
    console = Console()
    bar = Progress(
        TextColumn("day {task.fields[day]}"), BarColumn(), MofNCompleteColumn(), TextColumn("people"), TimeElapsedColumn(),
        console=console, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", day=day, total=None)
        result = generator.generate(
            out,
            people=people,
            day=day,
            seed=seed,
            force=force,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    what = "wrote" if result.written else "already there:"
    console.print(f"day {day}: {what} {sum(result.rows.values()):,} rows in {len(result.rows)} tables under {out}")


def main() -> None:
    """Runs the command line; what weft raises on purpose becomes one message and an exit code."""
    try:
        app()
    except WeftError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
