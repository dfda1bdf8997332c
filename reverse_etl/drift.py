"""Drift: how many the destination says it holds, against how many it should hold by what it confirmed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from warehouse.base import Warehouse

# A row in a job or in doubt is there or is not; one that was confirmed and is in neither is there.
_HELD = """
select
    count(case when row_hash is not null and not coalesce(in_doubt, false) and job_id is null then 1 end) as certain,
    count(case when row_hash is not null or in_doubt or job_id is not null then 1 end) as possible
from sync_state where sync_name = $sync
"""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the destination's own count is from the state.

    Attributes:
        sync: The sync's name.
        there_low: Fewest that the destination holds, by its own word.
        there_high: Most that it holds, by its own word.
        held_low: Rows that it confirmed.
        held_high: Those, and rows that it may hold: in open jobs, or in doubt.
        tolerance: How much difference the sync allows, for people; empty where it does not say.
        is_outside: Whether the difference is more than that.
    """

    sync: str
    there_low: int
    there_high: int
    held_low: int
    held_high: int
    tolerance: str = ""
    is_outside: bool = False

    @property
    def difference(self) -> int:
        """Rows that the destination has too many, or, below zero, too few; 0 where the two may agree."""
        if self.there_low > self.held_high:
            return self.there_low - self.held_high
        return min(self.there_high - self.held_low, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"difference": self.difference}


def measure(warehouse: Warehouse, sync: SyncDefinition, destination: Destination) -> Drift | None:
    """Ask a destination how many it holds, and compare that with the state; nothing where it does not tell.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        destination: Its destination.

    Raises:
        DestinationRefused: It does not let us ask.
        DestinationDown: It could not be reached.
    """
    there = destination.count(sync.delivery) if destination.objects[sync.object].counts else None
    if there is None:
        return None
    certain, possible = _held(warehouse, sync.name)
    drift = Drift(sync.name, there.low, there.high, certain, possible)
    if sync.drift is None:
        return drift
    outside = bool(drift.difference) and not sync.drift.allows(abs(drift.difference), possible)
    return replace(drift, tolerance=str(sync.drift), is_outside=outside)


def _held(warehouse: Warehouse, sync: str) -> tuple[int, int]:
    """Return how many rows the destination holds for certain, and how many at most."""
    if not tables.exist(warehouse):
        return 0, 0
    [held] = tables.ask(warehouse, _HELD, sync=sync)
    return int(held["certain"]), int(held["possible"])
