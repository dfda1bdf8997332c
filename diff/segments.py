"""Who enters a segment, who leaves it, and who stays: production's members beside those of the scratch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from diff.report import FEWEST, Segment
from diff.traits import Describer
from warehouse.base import Relation, Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import statement

MOVES = "diff_moves"  #: the scratch table of who moves in which segment
_COLUMNS = ("segment", "profile_id", "move")
_MOVED = """
select
    $segment as segment,
    coalesce(before.profile_id, after.profile_id) as profile_id,
    case when before.profile_id is null then 'enter' when after.profile_id is null then 'leave' else 'stay' end as move
from (select distinct cast(profile_id as text) as profile_id from before_members where profile_id is not null) as before
full outer join
    (select distinct cast(profile_id as text) as profile_id from after_members where profile_id is not null) as after
    on before.profile_id = after.profile_id
"""
_ONE_SIDED = """
select $segment as segment, profile_id, $move as move
from (select distinct cast(profile_id as text) as profile_id from members where profile_id is not null) as people
"""
_COUNTS = "select move, count(*) as count_people from diff_moves where segment = $segment group by move"
_FITNESS = """
select count(*) as count_rows, count(profile_id) as count_named, count(distinct profile_id) as count_people from members
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A segment on both sides.

    Attributes:
        name: Its name.
        before: Production's relation; none where the segment is new.
        after: The scratch's relation; none where the segment is deleted.
    """

    name: str
    before: Relation | None
    after: Relation | None


def moves_of(warehouse: Warehouse) -> Relation:
    """Return where the scratch notes who moves."""
    return Relation(warehouse.schema, MOVES, warehouse.database)


def create_moves(warehouse: Warehouse) -> None:
    """Create the table in which the scratch notes who moves."""
    moves = moves_of(warehouse)
    schema = exp.Table(
        db=exp.to_identifier(moves.schema), catalog=exp.to_identifier(moves.database) if moves.database else None
    )
    warehouse.execute(exp.Create(this=schema, kind="SCHEMA", exists=True))
    columns = [exp.ColumnDef(this=exp.to_identifier(name), kind=exp.DataType.build("varchar")) for name in _COLUMNS]
    warehouse.execute(exp.Create(this=exp.Schema(this=moves.table(), expressions=columns), kind="TABLE"))


def compare(warehouse: Warehouse, pair: Pair, describer: Describer, as_of: datetime) -> Segment:
    """Return what becomes of a segment.

    Args:
        warehouse: The open scratch, with the table that :func:`create_moves` makes.
        pair: The segment on both sides.
        describer: Tells how those who move differ.
        as_of: The moment of both sides.
    """
    status = "new" if pair.before is None else "deleted" if pair.after is None else "changed"
    try:
        problem = _unfit(warehouse, pair)
        if problem and not _has_people(warehouse, pair):
            return Segment(pair.name, status, problem=problem)
        _note(warehouse, pair)
    except WarehouseError as error:
        return Segment(pair.name, status, problem=error.what)
    known = {MOVES: moves_of(warehouse)}
    rows = warehouse.query(statement(_COUNTS, known, segment=pair.name))
    moved = {str(row["move"]): int(row["count_people"]) for row in rows}
    enter, leave, stay = (moved.get(move, 0) for move in ("enter", "leave", "stay"))
    others = "stay" if stay >= FEWEST else "none"
    enterers = describer.differences(pair.name, "enter", others, as_of) if enter >= FEWEST else ()
    leavers = describer.differences(pair.name, "leave", others, as_of) if leave >= FEWEST and pair.after else ()
    return Segment(
        name=pair.name,
        status=status,
        before=stay + leave,
        after=stay + enter,
        enter=enter,
        leave=leave,
        stay=stay,
        enterers=enterers,
        leavers=leavers,
        compared_with="those who stay" if others == "stay" else "everybody else",
        problem=problem,
    )


def _has_people(warehouse: Warehouse, pair: Pair) -> bool:
    sides = [side for side in (pair.before, pair.after) if side is not None]
    return all("profile_id" in {column.name for column in warehouse.columns(side)} for side in sides)


def _unfit(warehouse: Warehouse, pair: Pair) -> str:
    """Return what is wrong with a segment's table, or nothing."""
    for side, relation in (("production", pair.before), ("the change", pair.after)):
        if relation is None:
            continue
        columns = {column.name for column in warehouse.columns(relation)}
        if not columns:
            return f"{side} has not built it"
        if "profile_id" not in columns:
            return f"in {side} it has no column profile_id"
        [found] = warehouse.query(statement(_FITNESS, {"members": relation}))
        rows, named, people = (int(found[name]) for name in ("count_rows", "count_named", "count_people"))
        if rows > named:
            return f"in {side}, {rows - named} of its rows have no profile_id"
        if named > people:
            return f"in {side}, {named - people} of its rows repeat the profile_id of another"
    return ""


def _note(warehouse: Warehouse, pair: Pair) -> None:
    if pair.before and pair.after:
        known = {"before_members": pair.before, "after_members": pair.after}
        rows = statement(_MOVED, known, segment=pair.name)
    elif relation := pair.before or pair.after:
        move = "leave" if pair.before else "enter"
        rows = statement(_ONE_SIDED, {"members": relation}, segment=pair.name, move=move)
    columns = [exp.to_identifier(name) for name in _COLUMNS]
    warehouse.execute(exp.insert(rows, moves_of(warehouse).table(), columns=columns))
