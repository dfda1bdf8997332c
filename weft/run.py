"""``weft run``: brings destinations in step with their feeds, without Dagster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from warehouse.errors import ConfigError, WeftError
from weft.output import as_json, counted, note, progress_bar, table
from weft.session import Session

if TYPE_CHECKING:
    from reverse_etl.definitions import SyncDefinition
    from reverse_etl.report import Progress, RunReport
    from warehouse.base import Warehouse

RunOne: TypeAlias = "Callable[[Warehouse, SyncDefinition, Progress], RunReport]"
AllowOption = Annotated[
    list[str] | None,
    typer.Option(metavar="WHAT", help="Let it pass once: removals, changes, rows, age or checks."),
]
_COLUMNS = (
    "sync",
    "status",
    "add",
    "change",
    "remove",
    "merge",
    "sent",
    "applied",
    "open",
    "refused",
    "kept back",
    "API calls",
    "seconds",
)


def run(
    sync: Annotated[str | None, typer.Argument(help="The sync; all of them without it.")] = None,
    allow: AllowOption = None,
    resync: Annotated[
        bool,
        typer.Option(
            "--resync", help="Send everything again, and take out whatever was ever sent and should not be there."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run one sync, or all: plan, check the guards, send, settle. The feeds are taken as they stand."""
    from reverse_etl.engine import run_sync
    from reverse_etl.guards import allowed
    from warehouse.project import run_moment

    decided = allowed(allow or (), "--allow")
    if resync and sync is None:
        raise ConfigError(
            "--resync sends everything of a sync again, so it takes one sync.",
            where="--resync",
            fix="Name it: weft run SYNC --resync",
        )
    session = Session()
    as_of, chosen = run_moment(), session.chosen(sync)

    def run_one(warehouse: Warehouse, definition: SyncDefinition, progress: Progress) -> RunReport:
        return run_sync(warehouse, definition, session.connections, as_of, progress, decided, resync=resync)

    deliver(session, chosen, run_one, json=json)


def deliver(session: Session, chosen: Sequence[SyncDefinition], run_one: RunOne, *, json: bool) -> None:
    """Run syncs one after the other, draw how far each has come, and print their reports.

    A sync that fails is told on stderr and keeps no other from running.

    Args:
        session: The call of the command line.
        chosen: The syncs.
        run_one: Runs one of them.
        json: Whether to print JSON.

    Raises:
        ConfigError: A secret is missing, a feed breaks the policy or cannot be synced; nothing was sent.
        typer.Exit: A sync failed, was stopped by a guard, or is under way elsewhere.
    """
    for definition in chosen:  # a missing secret of one sync stops all of them before anything is sent
        session.connections[definition.connection].settings()
    session.check_policy(chosen)
    reports, errors = [], []
    with session.warehouse() as warehouse:
        session.check_feeds(warehouse, chosen)
        for definition in chosen:
            try:
                with progress_bar(definition.label) as progress:
                    report = run_one(warehouse, definition, progress)
                reports.append(report.to_dict())
            except WeftError as error:
                note(f"{definition.name}: {error}")
                errors.append(error)
    if json:
        as_json(reports)
    elif reports:
        table(_COLUMNS, [_row(report) for report in reports], title="delivered")
        for one in reports:
            _remarks(one)
    if errors:
        raise typer.Exit(max(error.exit_code for error in errors))


def _remarks(report: dict[str, Any]) -> None:
    """Say what becomes of rows that were sent and not applied: on stderr, so that a pipe gets the table alone."""
    sync = report["sync"]
    remarks = {
        "refused": f"refused: `weft ledger {sync} --outcome permanent` says why; `weft quarantine list {sync}` has "
        "those that are kept back until they change",
        "transient": "not taken through no fault of theirs; the next run sends them again",
        "ambiguous": f"in doubt: they may have arrived; `weft ledger {sync} --outcome ambiguous` names them",
        "info": f"declined for now: `weft ledger {sync} --outcome info` says why; the next run plans them again",
        "accepted": "in a job that is still open; the next run asks what became of it",
    }
    for name, remark in remarks.items():
        if report[name]:
            note(f"{sync}: {counted(report[name])} {remark}")


def _row(report: dict[str, Any]) -> tuple[Any, ...]:
    planned = report["planned"]
    return (
        report["sync"],
        report["status"],
        *(planned.get(op, 0) for op in ("add", "change", "remove", "merge")),
        *(report[name] for name in ("sent", "applied", "accepted", "refused")),
        sum(report["blocked"].values()),
        report["api_calls"],
        round(report["seconds"], 1),
    )
