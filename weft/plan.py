"""``weft plan``: what a run would send, remove and cost. Nothing is sent."""

from __future__ import annotations

import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, KeysOption, as_json, key_shown, note, table
from weft.session import Session

if TYPE_CHECKING:
    from reverse_etl.report import Plan
    from warehouse.base import Warehouse

_COLUMNS = (
    "sync",
    "add",
    "change",
    "remove",
    "merge",
    "by mapping",
    "kept back",
    "applied now",
    "API calls",
    "minutes",
    "billed units",
    "guards",
)
_ROWS = """
select row_key, op, reason, changed_columns, by_mapping, into_key from sync_plan
where run_id = $run_id and op = $op order by seq, row_key limit $limit
"""
_SAMPLE = 5
_IN_BOTH = ("consent", "suppression")  #: rows that are removed for these reasons count as kept back, too
_OPS = ("remove", "merge", "add", "change", "none")


def plan(
    sync: Annotated[str | None, typer.Argument(help="The sync; all of them without it.")] = None,
    rows: Annotated[
        int | None, typer.Option(min=0, help="Show so many rows of each plan; 5 without it, and none in a pipe.")
    ] = None,
    show_keys: KeysOption = False,
    resync: Annotated[
        bool, typer.Option("--resync", help="Plan to send everything again, and remove all that should not be there.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Seal the plan of one sync in a file, for `weft apply`.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a run would do: rows to add, change, merge and remove, API calls and minutes. Nothing is sent."""
    from reverse_etl import seal
    from reverse_etl.clock import Clock
    from reverse_etl.destinations import registry
    from reverse_etl.engine import plan_sync
    from reverse_etl.plan import changed_columns
    from warehouse.project import run_moment

    if out is not None and sync is None:
        raise ConfigError("One file holds the plan of one sync.", where="--out", fix="weft plan SYNC --out FILE")
    session = Session()
    if rows is None:  # a second table would get in the way of who reads the first from a pipe
        rows = _SAMPLE if json or sys.stdout.isatty() else 0
    as_of, chosen, answers = run_moment(), session.chosen(sync), []
    session.check_policy(chosen)
    with session.warehouse() as warehouse:
        session.check_feeds(warehouse, chosen)
        for definition in chosen:
            planned = plan_sync(warehouse, definition, registry.get(definition.destination), as_of, resync=resync)
            answers.append(
                (planned, changed_columns(warehouse, planned.run_id), _rows(warehouse, planned, rows, show_keys))
            )
            if out is not None:
                seal.write(seal.seal(planned, definition, Clock().now()), out)
    if json:
        as_json([one.to_dict() | {"changed_columns": columns, "rows": listed} for one, columns, listed in answers])
    else:
        table(_COLUMNS, [_summary(one) for one, _, _ in answers], title="plan: nothing was sent")
        for one, columns, listed in answers:
            _details(one, columns)
            _sample(one, listed)
    if out is not None:
        note(f"sealed in {out}: `weft apply {out}` sends it while it is still the same plan")


def _sample(plan: Plan, listed: list[dict[str, Any]]) -> None:
    """Show some of the rows that something becomes of, or that are kept back."""
    whole = plan.rows + sum(plan.blocked.values()) - sum(plan.removed_because.get(name, 0) for name in _IN_BOTH)
    shown = [
        (
            "kept back" if row["op"] == "none" else row["op"],
            row["key"],
            row["reason"],
            row["into"],
            ", ".join(row["changed_columns"]),
        )
        for row in listed
    ]
    if shown:
        some = f"{len(shown):,} of {whole:,} rows" if whole > len(shown) else f"{len(shown):,} rows"
        table(("op", "key", "why", "into", "changed columns"), shown, title=f"{plan.sync}: {some}")


def _summary(plan: Plan) -> tuple[Any, ...]:
    guards = "would stop: " + ", ".join(guard.name for guard in plan.tripped) if plan.tripped else "pass"
    return (
        plan.sync,
        plan.add,
        plan.change,
        plan.remove,
        plan.merge,
        plan.changed_by_mapping,
        sum(plan.blocked.values()),
        plan.applied_rows,
        plan.api_calls,
        round(plan.minutes, 1),
        plan.billed_units,
        guards,
    )


def _details(plan: Plan, columns: dict[str, int]) -> None:
    """Say what the table's counts are made of: on stderr, so that a pipe gets the table alone."""
    parts = {"changed": columns, "removed because": plan.removed_because, "kept back": plan.blocked}
    for name, counts in parts.items():
        listed = ", ".join(f"{reason} {count:,}" for reason, count in counts.items() if count)
        if listed:
            note(f"{plan.sync}: {name}: {listed}")
    if plan.coverage and plan.coverage.rows:
        note(f"{plan.sync}: can be matched by: {plan.coverage}")
    for guard in plan.tripped:
        note(f"{plan.sync}: guard {guard.name} allows {guard.limit}, the plan has {guard.actual}")


def _rows(warehouse: Warehouse, plan: Plan, limit: int, show_keys: bool) -> list[dict[str, Any]]:
    """Return a sample of so many rows with something of every op, in the order in which they are sent."""
    from reverse_etl import tables

    found = [tables.ask(warehouse, _ROWS, run_id=plan.run_id, op=op, limit=limit) if limit else [] for op in _OPS]
    in_turn = [row for turn in zip_longest(*found) for row in turn if row is not None][:limit]
    return [
        {
            "key": key_shown(str(row["row_key"]), show_keys),
            "op": row["op"],
            "reason": row["reason"],
            "changed_columns": _names(row["changed_columns"]) if row["op"] == "change" else [],
            "by_mapping": row["by_mapping"],
            "into": None if row["into_key"] is None else key_shown(str(row["into_key"]), show_keys),
        }
        for row in sorted(in_turn, key=lambda row: _OPS.index(str(row["op"])))
    ]


def _names(changed_columns: object) -> list[str]:
    return [name for name in str(changed_columns or "").split(",") if name]
