"""How answers are shown: tables on a terminal, tab-separated lines when piped, JSON when asked for."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from reverse_etl.report import Progress

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeysOption = Annotated[
    bool, typer.Option("--show-keys", help="Show the rows' keys, such as e-mail addresses, unhashed.")
]


def as_json(value: Any) -> None:
    """Print a value as JSON; timestamps are ISO 8601 in UTC, decimals are numbers."""
    typer.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", empty: str = "nothing to show"
) -> None:
    """Print rows: a table with the title on a terminal, else one line of column names and one line per row.

    A terminal that is too narrow for the table gets it lying on its side, or else one block per row. There, columns
    without a single value are left out.
    """
    if not sys.stdout.isatty():
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(_cell(value, grouped=False) for value in row))
        return
    console = Console()
    if not rows:
        console.print(f"{title}: {empty}" if title else empty)
        return
    kept = [number for number in range(len(columns)) if any(row[number] not in (None, "") for row in rows)] or [0]
    names = [columns[number] for number in kept]
    values = [[row[number] for number in kept] for row in rows]
    lying = [[name, *(row[number] for row in values)] for number, name in enumerate(names)]
    upright = _drawn(names, values, title)
    if _fits(console, upright):
        console.print(upright, highlight=False)
    elif _fits(console, on_its_side := _drawn([_cell(cell, grouped=True) for cell in lying[0]], lying[1:], title)):
        console.print(on_its_side, highlight=False)
    else:
        _blocks(console, names, values, title)


def counted(count: int, noun: str = "row") -> str:
    """Return a number of things in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def note(text: str) -> None:
    """Print a remark: on stderr, so that it never ends up in a pipe."""
    typer.echo(text, err=True)


def key_shown(key: str, show: bool) -> str:
    """Return a row's key as it may be shown: hashed, unless the user asked to see it.

    The hash is the first 12 digits of its SHA-256: enough to follow one row through the ledger.
    """
    return key if show else hashlib.sha256(key.encode()).hexdigest()[:12]


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Draw a bar while a sync runs; on a pipe nothing is drawn.

    Yields:
        The function that takes phase, rows done and rows in all.
    """
    if not sys.stderr.isatty():
        yield lambda phase, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None)

        def step(phase: str, done: int, total: int) -> None:
            bars.update(task, description=f"{label}: {phase}", completed=done, total=total or None)

        yield step


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> Table:
    drawn = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold", show_edge=False)
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], int | float | Decimal | None) for row in rows)
        drawn.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(_cell(value, grouped=True)) for value in row))
    return drawn


def _fits(console: Console, drawn: Table) -> bool:
    return Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum <= console.width


def _blocks(console: Console, names: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> None:
    """Print each row as a heading and a line per value."""
    width = max(len(name) for name in names)
    console.print(Text(title, "bold"))
    for first, *others in rows:
        console.print(Text(_cell(first, grouped=True), "bold"))
        for name, value in zip(names[1:], others, strict=True):
            if value not in (None, ""):
                console.print(Text(f"  {name:{width}}  {_cell(value, grouped=True)}"), soft_wrap=True)


def _cell(value: Any, *, grouped: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if grouped else f"{value:g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value).replace("\t", " ").replace("\n", " ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z" if value.tzinfo is None else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
