"""``python -m demo``: write the raw data, run the whole demo, serve its pages, start over."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo import run as demo_run
from demo import serve as demo_serve
from demo.settings import Settings
from warehouse.errors import WeftError
from warehouse.project import project_root

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An invented retailer, to try weft with.",
)

People = Annotated[int | None, typer.Option(help="People on day 1; later days add some.", show_default="5,000")]


@app.command()
def generate(
    people: Annotated[int, typer.Option(help="People on day 1; later days add some.")] = demo_run.PEOPLE,
    day: Annotated[int, typer.Option(help="1 for two years of history, 2 and up for what a later day adds.")] = 1,
    out: Annotated[Path, typer.Option(envvar="WEFT_RAW", help="Folder of the raw files.")] = Path(".weft/raw"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = demo_run.SEED,
    force: Annotated[bool, typer.Option("--force", help="Replace data that was made from other arguments.")] = False,
) -> None:
    """Write one day's raw files: events, orders, contacts, loyalty cards, mailings, tickets, consents and the truth."""
    demo_run.write_day(out, Console(), day=day, people=people, seed=seed, force=force)


@app.command()
def run(
    day: Annotated[
        int | None, typer.Option(help="Load up to this day.", show_default="the latest loaded, or 1")
    ] = None,
    people: People = None,
) -> None:
    """Load raw data, refresh everything through Dagster, deliver to the sandbox, and sum up."""
    raise typer.Exit(demo_run.run(Settings.read(project_root()), Console(), day=day, people=people))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where Dagster's UI listens.")] = 3000,
) -> None:
    """Open Dagster's UI and the sandbox's page; Ctrl-C closes both."""
    raise typer.Exit(demo_serve.serve(Settings.read(project_root()), Console(), port))


@app.command()
def reset() -> None:
    """Delete what the demo made, to start over: raw files, warehouse, Dagster's history, simulated accounts."""
    for path in demo_run.reset(Settings.read(project_root())):
        Console().print(f"deleted {path}", highlight=False)


def main() -> None:
    """Runs the command line; what weft raises on purpose becomes one message and an exit code."""
    # A terminated demo stops the processes that it started, as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except WeftError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk, a folder that may not be written: nothing that a stack trace explains better.
        failed = WeftError(
            f"A file could not be read or written: {error.strerror or type(error).__name__}.",
            where=str(error.filename or "the project's folder"),
            fix="Make room, or mend the permissions; then run the same command again.",
        )
        Console(stderr=True).print(str(failed), style="red", markup=False, highlight=False)
        sys.exit(failed.exit_code)


if __name__ == "__main__":
    main()
