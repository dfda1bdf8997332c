"""``weft apply``: carries out a sealed plan, if a plan made now would still be the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weft.output import JsonOption
from weft.run import AllowOption, deliver
from weft.session import Session

if TYPE_CHECKING:
    from reverse_etl.definitions import SyncDefinition
    from reverse_etl.report import Progress, RunReport
    from warehouse.base import Warehouse


def apply(
    file: Annotated[Path, typer.Argument(help="What `weft plan SYNC --out FILE` wrote.")],
    allow: AllowOption = None,
    json: JsonOption = False,
) -> None:
    """Run a sync as its sealed plan says. It plans again, and sends nothing unless that is the same plan."""
    from reverse_etl import seal
    from reverse_etl.engine import run_sync
    from reverse_etl.guards import allowed
    from warehouse.project import run_moment

    decided = allowed(allow or (), "--allow")
    sealed = seal.read(file)
    session = Session()
    as_of, [definition] = run_moment(), session.chosen(sealed.sync)
    seal.belongs(sealed, definition)

    def run_one(warehouse: Warehouse, sync: SyncDefinition, progress: Progress) -> RunReport:
        return run_sync(
            warehouse, sync, session.connections, as_of, progress, decided, resync=sealed.resync, expect=sealed
        )

    deliver(session, [definition], run_one, json=json)
