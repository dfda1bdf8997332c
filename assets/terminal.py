"""Progress of a run on a terminal: one bar while it moves, one line per thing that is done. Piped, only the lines."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from assets.progress import Progress

_KINDS = {"model": "models", "seed": "seeds", "test": "tests", "unit_test": "unit tests", "snapshot": "snapshots"}
_RESULTS = frozenset({"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"})
_FAILED = frozenset({"error", "fail", "runtime error"})


class TerminalProgress(Progress):
    """Draws on a console; a context manager.

    Args:
        console: Where to. If it is no terminal, nothing moves.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bars.add_task("", total=None, visible=False)
        self._started = time.monotonic()
        self._label = ""
        self._done: Counter[str] = Counter()
        self._failed = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print one line above the bar."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def dbt_starts(self) -> None:
        """Show that dbt is starting, which takes it some seconds."""
        self._begin("dbt: starting")

    def dbt_event(self, event: dict[str, Any]) -> None:
        """Move the bar with every node that starts or is done."""
        name, data = event["info"]["name"], event["data"]
        node = data.get("node_info") or {}
        if name == "LogStartLine":
            text = f"dbt: {node.get('node_name', '')[:48]:48}"
            self._bars.update(self._task, description=text, total=int(data["total"]))
        elif name in _RESULTS:
            self._done[_KINDS.get(str(node.get("resource_type")), "others")] += 1
            self._failed += data.get("status") in _FAILED
            self._bars.update(self._task, advance=1)
        elif name == "FinishedRunningStats":
            self._end("models and tests", self._dbt_summary())

    def dbt_warns(self, words: str) -> None:
        """Print a warning, in lines of its own."""
        self.say(f"warning: {words}")

    def sync_starts(self, label: str) -> None:
        """Show which sync is being planned."""
        self._label = label
        self._begin(f"{label}: plan")

    def sync_step(self, phase: str, done: int, total: int) -> None:
        """Move the bar with the rows that are done."""
        self._bars.update(self._task, description=f"{self._label}: {phase}", completed=done, total=total or None)

    def sync_ends(self, label: str, summary: str) -> None:
        """Print the sync's one line."""
        self._end(label, summary)

    def _begin(self, text: str) -> None:
        self._started = time.monotonic()
        self._bars.reset(self._task, description=text, total=None, visible=True)

    def _end(self, name: str, summary: str) -> None:
        self._bars.update(self._task, visible=False)
        self.say(f"{name:34} {summary}  ({time.monotonic() - self._started:.1f} s)")

    def _dbt_summary(self) -> str:
        done = ", ".join(f"{count:,} {kind}" for kind, count in self._done.items())
        return f"{done or 'nothing to build'}{f', {self._failed:,} of them failed' if self._failed else ''}"
