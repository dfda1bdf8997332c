"""``weft syncs``: what is delivered where, and how the last run went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from warehouse.errors import WarehouseError
from weft.output import JsonOption, as_json, counted, note, table
from weft.session import Session

if TYPE_CHECKING:
    from warehouse.base import Warehouse

_HELD = """
select sync_name, count(*) as count_rows from sync_state
where row_hash is not null or in_doubt or job_id is not null
group by sync_name order by sync_name
"""
_COLUMNS = ("sync", "destination", "mode", "key", "purpose", "owner", "last run", "status", "applied", "refused")


def syncs(json: JsonOption = False) -> None:
    """List the syncs, each with its last run."""
    session = Session()
    last = _last_runs(session)
    found = [_described(sync, last.get(sync.name)) for sync in session.syncs]
    if json:
        as_json(found)
        return
    rows = [
        (
            item["name"],
            " ".join(part for part in (item["connection"], item["object"], item["target"]) if part),
            item["mode"],
            item["key"],
            item["purpose"],
            item["owner"],
            *(
                (run["started_at"], run["status"], run["applied"], run["refused"])
                if (run := item["last_run"])
                else (None,) * 4
            ),
        )
        for item in found
    ]
    table(_COLUMNS, rows, title="syncs", empty="none is defined yet; a sync is an exposure on a feed model")


def _described(sync: Any, last_run: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": sync.name,
        "label": sync.label,
        "feed": str(sync.feed),
        "connection": sync.connection,
        "destination": sync.destination,
        "object": sync.object,
        "target": sync.target,
        "mode": str(sync.mode),
        "key": sync.key,
        "purpose": sync.purpose,
        "owner": sync.owner.get("email") or sync.owner.get("name"),
        "last_run": last_run,
    }


def _last_runs(session: Session) -> dict[str, dict[str, Any]]:
    """Return the last run of each sync. The definitions are worth showing without a warehouse too."""
    from reverse_etl import runs

    names = [sync.name for sync in session.syncs]
    try:
        with session.warehouse() as warehouse:
            _gone(warehouse, names)
            return {name: found[0] for name in names if (found := runs.latest(warehouse, name))}
    except WarehouseError as error:
        note(f"without the last runs: {error.what}")
        return {}


def _gone(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Tell of syncs that were deleted while their destinations held rows, which nobody will ever remove."""
    from reverse_etl import tables

    if not tables.exist(warehouse):
        return
    for row in tables.ask(warehouse, _HELD):
        if row["sync_name"] not in names:
            held = counted(int(row["count_rows"]))
            note(
                f"{row['sync_name']}: no longer defined, and its destination still holds {held} that it sent: "
                "put the exposure back and let an empty feed remove them, or remove them there"
            )
