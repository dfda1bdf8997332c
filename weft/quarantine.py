"""``weft quarantine``: rows that a destination refused for good, and how to let them go."""

from __future__ import annotations

from typing import Annotated

import typer

from weft.output import JsonOption, KeysOption, as_json, counted, key_shown, note, table
from weft.session import Session

app = typer.Typer(
    help="Rows that a destination refused for good: they are kept back until they change, or until they are released.",
    no_args_is_help=True,
)
_COLUMNS = ("sync", "code", "rows", "since", "reason")
_ROWS = ("sync", "code", "key", "since", "reason")


@app.command("list")
def listed(
    sync: Annotated[str | None, typer.Argument(help="The sync; all of them without it.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Show so many rows, the youngest first, instead of counts.")] = 0,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """List what is kept back, by the destination's code."""
    from reverse_etl import quarantine

    session = Session()
    names = [definition.name for definition in session.chosen(sync)]
    with session.warehouse() as warehouse:
        held = quarantine.rows(warehouse, sync, limit=rows) if rows else quarantine.by_code(warehouse, sync)
    found = [
        {"sync": row["sync_name"], "code": row["code"]}
        | ({"key": key_shown(str(row["row_key"]), show_keys)} if rows else {"rows": row["count_rows"]})
        | {"since": row["since"], "reason": row["reason"]}
        for row in held
        if row["sync_name"] in names
    ]
    if json:
        as_json(found)
        return
    columns = _ROWS if rows else _COLUMNS
    table(columns, [tuple(row[name] for name in columns) for row in found], title="quarantine", empty="nobody is in it")


@app.command()
def release(
    sync: Annotated[str, typer.Argument(help="The sync.")],
    code: Annotated[str | None, typer.Option(help="Only rows that were refused with this code.")] = None,
    key: Annotated[str | None, typer.Option(help="Only the row with this key.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    json: JsonOption = False,
) -> None:
    """Let rows go, so that the next run sends them as they are. Sends nothing itself."""
    from reverse_etl import quarantine, runs
    from reverse_etl.clock import Clock
    from warehouse.errors import ConfigError

    if (code is not None) + (key is not None) + everything != 1:
        raise ConfigError(
            "It takes one of --code, --key and --all to say which rows to release.",
            where="the options",
            fix=f"`weft quarantine list {sync}` shows the codes.",
        )
    session, clock = Session(), Clock()
    (definition,) = session.chosen(sync)
    with session.warehouse() as warehouse:
        released = quarantine.release(warehouse, definition, runs.new_id(clock.now()), clock, code=code, key=key)
    if json:
        as_json({"sync": sync, "released": released})
        return
    note(
        f"{sync}: {counted(released)} released; the next run plans again what is still in the feed"
        if released
        else f"{sync}: none fits; `weft quarantine list {sync}` shows what is kept back"
    )
