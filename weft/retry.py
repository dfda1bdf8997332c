"""``weft retry``: has the next run send rows again that a predicate over the ledger names."""

from __future__ import annotations

from typing import Annotated

import typer

from weft.output import JsonOption, as_json, counted, note, table
from weft.session import Session

_COLUMNS = ("op", "outcome", "code", "rows", "quarantined", "confirmed", "in doubt", "waiting")


def retry(
    sync: Annotated[str, typer.Argument(help="The sync.")],
    where: Annotated[
        str,
        typer.Option(
            metavar="PREDICATE",
            help="Holds for the latest answer of the rows: \"outcome = 'permanent' and code = 'invalid'\".",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    json: JsonOption = False,
) -> None:
    """Have the next run send rows again: lifts their quarantine and doubts what was confirmed. Sends nothing itself."""
    from reverse_etl import runs
    from reverse_etl.clock import Clock
    from reverse_etl.destinations import registry
    from reverse_etl.predicate import parse
    from reverse_etl.retry import retry as choose

    fits, clock = parse(where), Clock()
    session = Session()
    (definition,) = session.chosen(sync)
    spec = registry.get(definition.destination).objects[definition.object]
    with session.warehouse() as warehouse:
        found = choose(warehouse, definition, spec, fits, runs.new_id(clock.now()), clock, dry_run=dry_run)
    if json:
        as_json(found.to_dict())
        return
    rows = [
        (group.op, group.outcome, group.code, group.rows, group.released, group.held, group.in_doubt, group.waiting)
        for group in found.chosen
    ]
    table(_COLUMNS, rows, title=f"rows of {sync} by their latest answer", empty="none fits")
    if found.waiting:
        note(f"{sync}: {counted(found.waiting)} in a job that is still open: left alone")
    if found.warning:
        note(f"{sync}: {found.warning}")
    if found.rows:
        done = (
            "nothing was changed"
            if dry_run
            else "the next run plans what is still in the feed again; nothing was sent yet"
        )
        note(f"{sync}: {counted(found.rows)}: {done}")
