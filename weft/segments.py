"""``weft segments``: the segments with their sizes, owners and syncs, and a look at the members of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, KeysOption, as_json, counted, key_shown, note, table
from weft.session import Session

if TYPE_CHECKING:
    from segments.catalogue import Segment, Size
    from warehouse.base import Relation, Warehouse

app = typer.Typer(help="List the segments, with size, trend, owner, freshness and syncs.", invoke_without_command=True)

_COLUMNS = ("segment", "members", "in a week", "trend", "owner", "purpose", "as of", "syncs")
_BARS = "▁▂▃▄▅▆▇█"
_MASKED = "•••"
_SAMPLE = """
select segment.*, members.entered_at as member_since from segment
inner join segment_memberships as members on members.profile_id = segment.profile_id and members.segment = $name
order by members.entered_at desc, segment.profile_id limit $limit
"""
_UNFOLLOWED = "select segment.* from segment order by profile_id limit $limit"
_DAYS = 28


@app.callback()
def segments(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Check that every column that a segment reads is there; exit code 2 if not.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the segments: members, change within a week, owner, purpose, freshness, and the syncs that use each."""
    if context.invoked_subcommand is not None:
        return
    from segments.catalogue import built_at, load, sizes
    from segments.check import check_traits
    from warehouse.compiled import compile_project
    from warehouse.project import run_moment

    session = Session()
    if check:
        check_traits(session.manifest, compile_project(session.root), session.manifest.adapter)
        note(f"{counted(len(load(session.manifest)), 'segment')}: every column that they read is there")
        return
    found = load(session.manifest)
    with session.warehouse() as warehouse:
        built = {one.name: built_at(warehouse, one.node, _results(warehouse)) for one in found}
        now = max((moment for moment in built.values() if moment), default=run_moment())
        history = _history(session)
        held = sizes(warehouse, history, now) if warehouse.columns(history) else {}
    if json:
        as_json([_as_json(one, held.get(one.name), built[one.name]) for one in found])
        return
    rows = [_row(one, held.get(one.name), built[one.name]) for one in found]
    table(_COLUMNS, rows, title="segments", empty="none yet; a segment is a model seg_<name> and its yml")
    if any(moment is None for moment in built.values()):
        note("A segment without a moment has not been built here; `dbt build` does it.")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The segment, with seg_ or without.")],
    rows: Annotated[int, typer.Option(min=0, max=1000, help="How many members to show.")] = 5,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a segment means, who came and went within four weeks, and some members: masked, unless asked."""
    from segments.catalogue import built_at, find, load, moved, sizes
    from warehouse.sql import statement

    session = Session()
    one = find(load(session.manifest), name)
    with session.warehouse() as warehouse:
        if not warehouse.columns(one.node.relation):
            raise ConfigError(
                f"The segment {one.name!r} has not been built here yet.",
                where=str(one.node.relation),
                fix=f"Run `dbt build --select +{one.node.name}` first.",
            )
        built = built_at(warehouse, one.node, _results(warehouse))
        relations = {"segment": one.node.relation, "segment_memberships": _model(session, "segment_memberships")}
        sample = warehouse.query(
            statement(_SAMPLE if one.is_followed else _UNFOLLOWED, relations, name=one.name, limit=rows)
        )
        held, change = None, {}
        if one.is_followed and built is not None:
            held = sizes(warehouse, _history(session), built).get(one.name)
            change = dict(moved(warehouse, _history(session), one.name, built - timedelta(days=_DAYS)))
    members = [_masked(one, row, show_keys) for row in sample]
    if json:
        as_json(_as_json(one, held, built) | {"moved_in_four_weeks": change, "members": members})
        return
    note(f"{one.name}: {one.description}")
    facts = [*zip(_COLUMNS, _row(one, held, built), strict=True), ("file", one.node.path)]
    facts += [(reason if reason == "entered" else f"left: {reason}", count) for reason, count in change.items()]
    table(("", "value"), [fact for fact in facts if fact[1] not in (None, "")], title="segment")
    columns = list(members[0]) if members else ["profile_id"]
    table(columns, [tuple(row.values()) for row in members], title="newest members", empty="nobody is in it")


def _as_json(one: Segment, size: Size | None, built: datetime | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "description": one.description,
        "owner": one.owner,
        "purpose": one.purpose,
        "file": one.node.path,
        "followed": one.is_followed,
        "members": size.now if size else (0 if one.is_followed and built else None),
        "members_by_week": list(size.trend) if size else [],
        "as_of": built,
        "syncs": list(one.syncs),
    }


def _row(one: Segment, size: Size | None, built: datetime | None) -> tuple[Any, ...]:
    members = size.now if size else (0 if one.is_followed and built else None)
    change = f"{size.change:+,}" if size and size.change is not None else None
    trend = _spark(size.trend) if size and sys.stdout.isatty() else " ".join(map(str, size.trend)) if size else ""
    return one.name, members, change, trend, one.owner, one.purpose, built, ", ".join(one.syncs)


def _spark(values: Sequence[int]) -> str:
    most = max(values) or 1
    return "".join(_BARS[min(value * len(_BARS) // (most + 1), len(_BARS) - 1)] for value in values)


def _masked(one: Segment, row: dict[str, Any], show_keys: bool) -> dict[str, Any]:
    """Return a member as it may be shown: without what names a person, unless the user asked for it."""
    if show_keys:
        return row
    described = one.node.raw.get("columns") or {}
    named = {
        column: ((described.get(column) or {}).get("config") or {}).get("meta", {}).get("labels") for column in row
    }
    return {
        column: key_shown(str(value), show=False)
        if column == "profile_id"
        else (_MASKED if named[column] and value is not None else value)
        for column, value in row.items()
    }


def _history(session: Session) -> Relation:
    return _model(session, "segment_history")


def _model(session: Session, name: str) -> Relation:
    node = session.manifest.model(name)
    if node is None:
        raise ConfigError(f"The project has no model {name!r}.", where="models/segments", fix="Restore it.")
    return node.relation


def _results(warehouse: Warehouse) -> Relation:
    from reverse_etl.tables import relations

    return relations(warehouse)["dbt_results"]
