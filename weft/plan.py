"""``weft plan``: what a run would send, remove and cost. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    "by mapping",
    "kept back",
    "applied now",
    "API calls",
    "minutes",
    "guards",
)
_CHANGED = """
select changed_columns, count(*) as count_rows from sync_plan
where run_id = :run_id and op = 'change' group by changed_columns
"""
_ROWS = """
select row_key, op, reason, changed_columns, by_mapping from sync_plan
where run_id = :run_id
order by case op when 'remove' then 0 when 'add' then 1 when 'change' then 2 else 3 end, row_key
limit :limit
"""


def plan(
    sync: Annotated[str | None, typer.Argument(help="The sync; all of them without it.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Also show so many rows of each plan.")] = 0,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a run would do: rows to add, change and remove, API calls and minutes. Nothing is sent."""
    from reverse_etl.destinations import registry
    from reverse_etl.engine import plan_sync
    from warehouse.project import run_moment

    session = Session()
    as_of, chosen, answers = run_moment(), session.chosen(sync), []
    with session.warehouse() as warehouse:
        session.check_feeds(warehouse, chosen)
        for definition in chosen:
            planned = plan_sync(warehouse, definition, registry.get(definition.destination), as_of)
            answers.append((planned, _changed_columns(warehouse, planned), _rows(warehouse, planned, rows, show_keys)))
    if json:
        as_json([one.to_dict() | {"changed_columns": columns, "rows": listed} for one, columns, listed in answers])
        return
    table(_COLUMNS, [_summary(one) for one, _, _ in answers], title="plan: nothing was sent")
    for one, columns, listed in answers:
        _details(one, columns)
        if rows:
            shown = [
                (
                    "kept back" if row["op"] == "none" else row["op"],
                    row["key"],
                    row["reason"],
                    ", ".join(row["changed_columns"]),
                )
                for row in listed
            ]
            table(("op", "key", "why", "changed columns"), shown, title=one.sync)


def _summary(plan: Plan) -> tuple[Any, ...]:
    guards = "would stop: " + ", ".join(guard.name for guard in plan.tripped) if plan.tripped else "pass"
    return (
        plan.sync,
        plan.add,
        plan.change,
        plan.remove,
        plan.changed_by_mapping,
        sum(plan.blocked.values()),
        plan.applied_rows,
        plan.api_calls,
        round(plan.minutes, 1),
        guards,
    )


def _details(plan: Plan, columns: dict[str, int]) -> None:
    """Say what the table's counts are made of: on stderr, so that a pipe gets the table alone."""
    parts = {"changed": columns, "removed because": plan.removed_because, "kept back": plan.blocked}
    for name, counts in parts.items():
        listed = ", ".join(f"{reason} {count:,}" for reason, count in counts.items() if count)
        if listed:
            note(f"{plan.sync}: {name}: {listed}")
    for guard in plan.tripped:
        note(f"{plan.sync}: guard {guard.name} allows {guard.limit}, the plan has {guard.actual}")


def _changed_columns(warehouse: Warehouse, plan: Plan) -> dict[str, int]:
    """Return how many rows change in each column, the most often changed first."""
    from reverse_etl import tables

    counts: dict[str, int] = {}
    for row in tables.ask(warehouse, _CHANGED, run_id=plan.run_id):
        for column in _names(row["changed_columns"]):
            counts[column] = counts.get(column, 0) + int(str(row["count_rows"]))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rows(warehouse: Warehouse, plan: Plan, limit: int, show_keys: bool) -> list[dict[str, Any]]:
    from reverse_etl import tables

    found = tables.ask(warehouse, _ROWS, run_id=plan.run_id, limit=limit) if limit else []
    return [
        {
            "key": key_shown(str(row["row_key"]), show_keys),
            "op": row["op"],
            "reason": row["reason"],
            "changed_columns": _names(row["changed_columns"]),
            "by_mapping": row["by_mapping"],
        }
        for row in found
    ]


def _names(changed_columns: object) -> list[str]:
    return [name for name in str(changed_columns or "").split(",") if name]
