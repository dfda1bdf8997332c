"""What the assets tell of themselves while they run. Dagster's own pages need none of it; a terminal does."""

from __future__ import annotations

from typing import Any


class Progress:
    """Hears how far a run is. This one says nothing; ``assets.terminal`` has the one that draws."""

    def dbt_starts(self) -> None:
        """The dbt command was started."""

    def dbt_event(self, event: dict[str, Any]) -> None:
        """Dbt wrote one structured log event."""

    def dbt_warns(self, words: str) -> None:
        """A test of dbt that stops nothing has found something, and says what in ``words``."""

    def sync_starts(self, label: str) -> None:
        """A sync starts; its name for people is ``label``."""

    def sync_step(self, phase: str, done: int, total: int) -> None:
        """The engine has done so many rows in this phase of the current sync; a total of 0 is not known yet."""

    def sync_ends(self, label: str, summary: str) -> None:
        """A sync ended; ``summary`` is one line."""
