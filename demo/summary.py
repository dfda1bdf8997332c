"""What a run of the demo did, on one screen, from the warehouse."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from demo import clock
from demo.score import Score, score
from demo.settings import Settings
from reverse_etl import runs
from warehouse.base import Warehouse
from warehouse.manifest import Manifest
from warehouse.profile import open_warehouse
from warehouse.project import manifest_path


class Report:
    """Reads the warehouse of a demo.

    Args:
        warehouse: An open connection.
        manifest: The project, which knows where the models' tables are.
        settings: Where the raw files are.
        day: Which day is today.
    """

    def __init__(self, warehouse: Warehouse, manifest: Manifest, settings: Settings, day: int) -> None:
        self._warehouse = warehouse
        self._manifest = manifest
        self._settings = settings
        self._moment = f"{clock.as_of(day):%Y-%m-%d %H:%M:%S}"

    def _table(self, model: str) -> str:
        node = self._manifest.model(model)
        return node.relation.table().sql(dialect="duckdb") if node else model

    def score(self) -> Score:
        """Compares the identity map with the truth."""
        return score(
            self._warehouse,
            self._table("identifiers"),
            self._table("identity_map"),
            f"{self._settings.raw}/truth/record/*.parquet",
        )

    def identities(self) -> dict[str, Any]:
        """Profiles, identifiers, and the merges of this run and of all runs."""
        changes, profiles = self._table("identity_changes"), self._table("profiles")
        sql = f"""
            select
                (select count(*) from {profiles}) as profiles,
                (
                    select count(*) from {profiles} where coalesce(email, phone, user_id, loyalty_id) is null
                ) as anonymous,
                (select count(*) from {self._table("identity_map")}) as identifiers,
                (select count(*) from {changes} where kind = 'merge') as merges,
                (
                    select count(*) from {changes} where kind = 'merge' and changed_at = cast(? as timestamp)
                ) as merges_today
        """
        return self._warehouse.query(sql, [self._moment])[0]

    def segments(self) -> list[dict[str, Any]]:
        """Per segment: people in it now, and how many entered and left today."""
        return self._warehouse.query(
            f"""
            select
                segment,
                count(*) filter (where exited_at is null) as members,
                count(*) filter (where entered_at = cast(? as timestamp)) as entered,
                count(*) filter (where exited_at = cast(? as timestamp)) as exited
            from {self._table("segment_history")}
            group by segment
            order by members desc, segment
            """,
            [self._moment, self._moment],
        )

    def syncs(self) -> list[tuple[str, dict[str, Any]]]:
        """The last run of every sync, with the sync's name for people."""
        found = []
        for name, exposure in sorted(self._manifest.exposures.items()):
            found += [(exposure.label, run) for run in runs.latest(self._warehouse, name)]
        return found


def print_summary(settings: Settings, console: Console, day: int) -> None:
    """Prints the summary of the demo's warehouse."""
    manifest = Manifest.load(manifest_path(settings.root))
    with open_warehouse(settings.root, env=settings.environment(day)) as warehouse:
        report = Report(warehouse, manifest, settings, day)
        score, identities, segments, syncs = report.score(), report.identities(), report.segments(), report.syncs()
    console.print()
    console.rule(f"[bold]day {day}[/], as of {clock.as_of(day):%d %B %Y %H:%M} UTC", align="left")
    for part in (_identity(score, identities), _segments(segments, day), _syncs(syncs), _next(day)):
        console.print(part, highlight=False)
        console.print()


def _identity(score: Score, found: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        "people", f"{found['profiles']:,}", f"profiles, {found['anonymous']:,} of them known by a cookie alone"
    )
    grid.add_row("", f"{score.persons:,}", "true persons who identified themselves")
    grid.add_row("identifiers", f"{found['identifiers']:,}", f"on {score.records:,} records of seven systems")
    grid.add_row("merges", f"{found['merges_today']:,}", f"today, {found['merges']:,} since the first day")
    grid.add_row("precision", f"{score.precision:.2%}", "of the pairs of records put together are one person")
    grid.add_row("recall", f"{score.recall:.2%}", "of the pairs of one person's records were put together")
    grid.columns[1].justify = "right"
    return grid


def _segments(rows: list[dict[str, Any]], day: int) -> Table:
    table = _table("segment", "people", "entered", "left")
    for row in rows:
        first = day == 1
        table.add_row(
            row["segment"],
            f"{row['members']:,}",
            "" if first else f"+{row['entered']:,}",
            "" if first else f"-{row['exited']:,}",
        )
    return table


_COUNTS = {
    "planned_add": "add",
    "planned_change": "change",
    "planned_remove": "remove",
    "sent": "sent",
    "applied": "applied",
    "accepted": "open",
    "refused": "refused",
    "blocked_consent": "no consent",
    "blocked_suppression": "suppressed",
    "api_calls": "calls",
}


def _syncs(rows: list[tuple[str, dict[str, Any]]]) -> Table:
    """One column per sync: there are more counts than syncs, and the page is 80 characters wide."""
    table = _table("sync", *(label for label, _ in rows))
    table.add_row("run", *(row["status"] for _, row in rows))
    for name, count in _COUNTS.items():
        table.add_row(count, *(f"{row.get(name) or 0:,}" for _, row in rows))
    return table


def _table(*headers: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for number, header in enumerate(headers):
        table.add_column(header, justify="left" if number == 0 else "right")
    return table


def _next(day: int) -> str:
    more = f"make demo DAY={day + 1}"
    return "\n".join(
        (
            "[bold]where to look next[/]",
            f"  {more:<35} the next day: who changes, who leaves",
            "  make dev                            Dagster, and what the sandbox holds",
            "  .venv/bin/weft plan                 what the next run would send",
            "  .venv/bin/weft ledger meta_lapsing  what arrived, row by row",
        )
    )
