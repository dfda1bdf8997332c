"""``weft ledger``: what the destination said, row by row or summed up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from weft.output import JsonOption, KeysOption, as_json, key_shown, table
from weft.session import Session

_COLUMNS = ("recorded_at", "run_id", "op", "row_key", "outcome", "code", "reason", "job_id")
_SUMMED = ("op", "outcome", "code", "answers", "first_at", "last_at")


def ledger(
    sync: Annotated[str, typer.Argument(help="The sync.")],
    outcome: Annotated[str | None, typer.Option(help="Only this outcome, such as permanent.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Only this run.")] = None,
    key: Annotated[str | None, typer.Option(help="Only the row with this key.")] = None,
    code: Annotated[str | None, typer.Option(help="Only this code of the destination.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only answers since then: 2026-07-01T12:00, or so long ago: 36h, 2d."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="PREDICATE", help="Only answers for which this holds: \"code = 'invalid' and op = 'add'\"."
        ),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Count the answers by op, outcome and code.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to show.")] = 50,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """Show what became of the rows that were sent, the youngest answer first."""
    from reverse_etl import ledger as records
    from reverse_etl.predicate import parse
    from reverse_etl.rows import Outcome
    from warehouse.errors import ConfigError

    if outcome is not None and outcome not in list(Outcome):
        raise ConfigError(
            f"There is no outcome {outcome!r}.", where="--outcome", fix=f"Use one of: {', '.join(Outcome)}."
        )
    filters = records.Filters(
        outcome=outcome,
        run_id=run_id,
        row_key=key,
        code=code,
        since=moment(since, "--since") if since is not None else None,
        where=parse(where) if where is not None else None,
    )
    session = Session()
    (definition,) = session.chosen(sync)
    with session.warehouse() as warehouse:
        if summary:
            answers = records.summary(warehouse, definition.name, filters)
        else:
            answers = records.read(warehouse, definition.name, filters, limit=limit)
    if not summary:
        answers = [row | {"row_key": key_shown(str(row["row_key"]), show_keys)} for row in answers]
    if json:
        as_json(answers)
        return
    columns = _SUMMED if summary else _COLUMNS
    table(columns, [tuple(row[column] for column in columns) for row in answers], title=f"ledger of {sync}")


def moment(text: str, where: str) -> datetime:
    """Return a moment in UTC without a zone, from a timestamp or from how long ago it was.

    Raises:
        ConfigError: It is neither.
    """
    from pydantic import TypeAdapter, ValidationError

    from reverse_etl.bounds import Duration
    from reverse_etl.clock import Clock, utc
    from warehouse.errors import ConfigError

    try:
        return Clock().now() - TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        pass
    try:
        return utc(datetime.fromisoformat(text.strip()))
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a moment.", where=where, fix="Write it like 2026-07-01T12:00:00Z, or 36h, or 2d."
        ) from None
