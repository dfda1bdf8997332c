"""``weft adopt``: makes a sync know of the members that an account already has."""

from __future__ import annotations

from typing import Annotated

import typer

from weft.output import JsonOption, as_json, note, progress_bar, table
from weft.session import Session


def adopt(
    sync: Annotated[str, typer.Argument(help="The sync; its destination must list members.")],
    yes: Annotated[bool, typer.Option("--yes", help="Write; without it, only show what would be written.")] = False,
    json: JsonOption = False,
) -> None:
    """Read what the destination holds, and have the sync know of it. Sends nothing.

    The next run then sends members that are in the feed again, and a mirror removes the others, under its guards.
    """
    from reverse_etl import adopt as adoption
    from reverse_etl import feed as feeds
    from reverse_etl import runs
    from reverse_etl.clock import Clock

    session, clock = Session(), Clock()
    (definition,) = session.chosen(sync)
    destination = session.connections[definition.connection].open()
    with session.warehouse() as warehouse:
        feed = feeds.inspect(warehouse, definition, type(destination))
        with progress_bar(definition.label) as progress:
            found = adoption.adopt(
                warehouse,
                definition,
                destination,
                feed,
                runs.new_id(clock.now()),
                clock,
                write=yes,
                progress=lambda members: progress("members read", members, 0),
            )
    if json:
        as_json(found.to_dict())
        return
    rows = [
        ("members of the destination", found.members),
        ("of them in the feed", found.in_feed),
        ("known already", found.held),
        ("neither in the feed nor known", found.unknown),
        ("to adopt", found.adopted),
        ("without a key, left alone", found.nameless),
        ("confirmed once, and not there", found.missing),
    ]
    table((f"{definition.delivers_to}", "rows"), rows, title=f"adoption by {sync}")
    if not found.adopted:
        note(f"{sync}: nothing to adopt")
    elif not yes:
        note(f"{sync}: nothing was written; `weft adopt {sync} --yes` does")
    else:
        note(f"{sync}: {found.adopted:,} adopted; nothing was sent: look at `weft plan {sync}` before the next run")
