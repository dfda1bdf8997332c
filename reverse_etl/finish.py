"""Finish: the end of a run, at an object that is written as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.pages import payloads
from reverse_etl.rows import Op, Row
from warehouse.base import Warehouse
from warehouse.sql import statement

_HELD = """
select row_key, payload from sync_state where sync_name = $sync and row_hash is not null order by row_key
"""


def finish(warehouse: Warehouse, sync: SyncDefinition, destination: Destination, delivery: Delivery) -> None:
    """Let the destination finish, where the object asks for it.

    Raises:
        DestinationRefused: The place refused.
        DestinationDown: The place could not be reached. The next run finishes, whether or not anything has changed.
    """
    if destination.objects[sync.object].finishes:
        destination.finish(delivery, lambda: held(warehouse, sync))


def held(warehouse: Warehouse, sync: SyncDefinition) -> Iterator[Row]:
    """Yield the rows that the destination is to hold by now, as they were last applied, in flat memory."""
    for page in warehouse.stream(statement(_HELD, tables.relations(warehouse), sync=sync.name)):
        for row, payload in zip(page, payloads([row["payload"] or "{}" for row in page]), strict=True):
            yield Row(row["row_key"], Op.ADD, payload)
