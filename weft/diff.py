"""``weft diff``: what the change at hand would do to segments and syncs. Nothing is sent or written to production."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import ConfigError, WeftError
from weft.output import JsonOption, as_json, note, table

if TYPE_CHECKING:
    from diff.report import Report


class TooMuch(WeftError):
    """More moves than was allowed."""

    exit_code = 3


def diff(
    base: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Compare with where the work left this branch, tag or commit; else main."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with a manifest.json of production instead.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="The moment of both sides; else that of production's last build."),
    ] = None,
    fail_over: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Exit with 3 if more than this share of a segment moves, such as 10%."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the scratch schema, to look into it.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what the change at hand would do: who enters and leaves segments, what syncs would send. Nothing is sent."""
    from diff.markdown import render
    from diff.run import Request
    from diff.run import diff as compared
    from warehouse.project import project_root, read_moment, utc_now

    if base is not None and state is not None:
        raise ConfigError("A change is compared with one version.", where="--base and --state", fix="give one of them")
    if markdown and json:
        raise ConfigError("A report has one form.", where="--markdown and --json", fix="give one of them")
    most = _share(fail_over)
    manifest = _manifest(state)
    with _ended_in_order():
        report = compared(
            Request(
                root=project_root(),
                at=utc_now(),
                base=base,
                state=manifest,
                as_of=read_moment(as_of, "The moment", "--as-of") if as_of is not None else None,
                keep=keep,
                tell=note,
            )
        )
    if json:
        as_json(report.to_dict())
    elif markdown:
        typer.echo(render(report), nl=False)
    else:
        _print(report)
    _judge(report, most)


def _print(report: Report) -> None:
    from diff import words

    note(words.headline(report))
    if report.is_empty:
        note("nothing was changed that a model, a segment or a sync is made of")
    else:
        note(words.models(report))
    tables = (
        ("segments", words.SEGMENTS, words.segment_rows(report)),
        ("how those who move differ", words.TRAITS, words.trait_rows(report)),
        ("what the next run would send, without the change and with it", words.SYNCS, words.sync_rows(report)),
    )
    shown = False
    for title, columns, rows in tables:
        if rows:
            if shown:
                typer.echo("")
            table(columns, rows, title=title)
            shown = True
    for remark in words.remarks(report):
        note(remark)


def _judge(report: Report, most: float | None) -> None:
    """End with an error where something could not be compared, or more moves than was allowed."""
    if report.problems:
        raise WeftError(
            f"{len(report.problems)} of what the change reaches could not be compared, or is not right.",
            where="\n         ".join(report.problems),
            fix="mend it, then run the command again",
        )
    if most is None:
        return
    over = [one for one in report.segments if one.status == "changed" and one.moved > most * one.before]
    stopped = [sync for sync in report.syncs if sync.newly_stopped]
    if over or stopped:
        told = [f"{one.name}: {one.moved:,} of {one.before:,} move" for one in over]
        told += [f"{sync.name}: a guard would stop it ({', '.join(sync.newly_stopped)})" for sync in stopped]
        raise TooMuch(
            f"The change does more than --fail-over {most:.0%} allows.",
            where="\n         ".join(told),
            fix="if that is meant, allow more",
        )


def _share(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        share = float(given.removesuffix("%")) / (100 if given.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"{given!r} is no share.", where="--fail-over", fix="write it like 10%")
    return share


def _manifest(state: Path | None) -> Path | None:
    if state is None:
        return None
    file = state / "manifest.json" if state.is_dir() else state
    if file.name != "manifest.json":
        raise ConfigError(
            "dbt reads a manifest under its own name only.", where=str(state), fix="give --state DIR/manifest.json"
        )
    return file.resolve()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a polite kill end the command as Ctrl-C does, so that the scratch is dropped."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
