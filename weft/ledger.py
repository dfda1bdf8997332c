"""``weft ledger``: what the destination said, row by row."""

from __future__ import annotations

from typing import Annotated

import typer

from weft.output import JsonOption, KeysOption, as_json, key_shown, table
from weft.session import Session

_COLUMNS = ("recorded_at", "run_id", "op", "row_key", "outcome", "code", "reason", "job_id")


def ledger(
    sync: Annotated[str, typer.Argument(help="The sync.")],
    outcome: Annotated[str | None, typer.Option(help="Only this outcome, such as permanent.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Only this run.")] = None,
    key: Annotated[str | None, typer.Option(help="Only the row with this key.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to show.")] = 50,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """Show what became of the rows that were sent, the youngest answer first."""
    from reverse_etl import ledger as records
    from reverse_etl.rows import Outcome
    from warehouse.errors import ConfigError

    if outcome is not None and outcome not in list(Outcome):
        raise ConfigError(
            f"There is no outcome {outcome!r}.", where="--outcome", fix=f"Use one of: {', '.join(Outcome)}."
        )
    session = Session()
    (definition,) = session.chosen(sync)
    with session.warehouse() as warehouse:
        rows = records.read(warehouse, definition.name, outcome=outcome, run_id=run_id, row_key=key, limit=limit)
    answers = [row | {"row_key": key_shown(str(row["row_key"]), show_keys)} for row in rows]
    if json:
        as_json(answers)
        return
    table(_COLUMNS, [tuple(row[column] for column in _COLUMNS) for row in answers], title=f"ledger of {sync}")
