"""What separates those who move from the others: averages and shares of the people's traits, never a person.

Numbers and moments are compared by their means, measured in standard deviations; categories, yes and no, and whether a
value is known at all, by shares, as Cohen's h (J. Cohen, Statistical Power Analysis, 1988, chapter 6). Both are about
0.2 where the difference is small and 0.8 where it is large. A figure with fewer than ten people behind it is not told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from diff.report import FEWEST, Trait
from warehouse.base import Column, Relation, Warehouse
from warehouse.sql import TIMESTAMPS, statement

_MOST = 5  #: traits that are told
_LEAST = 0.1  #: smaller differences say nothing
_VALUES = 50  #: a column with more values is a name, not a category
_STATED = frozenset({"behaviour", "location"})  #: labels of columns whose values may be told as shares
_SECONDS = 86_400
_GROUPED = """
select coalesce(moves.move, 'none') as move
from people left join (select profile_id, move from diff_moves where segment = $segment) as moves
    on moves.profile_id = cast(people.profile_id as text)
"""
_COUNTED = """
select $trait as trait, coalesce(moves.move, 'none') as move, cast($value as text) as value, count(*) as count_people
from people inner join (select profile_id, move from diff_moves where segment = $segment) as moves
    on moves.profile_id = cast(people.profile_id as text)
group by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class People:
    """A table with one row per person, on both sides.

    Attributes:
        before: Production's relation.
        after: The scratch's, where it was built there; else production's.
        labels: Labels of its columns, by column.
    """

    before: Relation
    after: Relation
    labels: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Describer:
    """Tells how those who move differ from the others.

    Attributes:
        warehouse: The open scratch.
        moves: Where it notes who moves.
        tables: The tables that describe people.
    """

    warehouse: Warehouse
    moves: Relation
    tables: Sequence[People]

    def differences(self, segment: str, movers: str, others: str, as_of: datetime) -> tuple[Trait, ...]:
        """Return the traits that separate two groups the most, the strongest first.

        Args:
            segment: The segment.
            movers: ``enter`` or ``leave``. Who leaves is looked up in production: the profile may be gone now.
            others: ``stay``, or ``none`` for everybody who is not in the segment.
            as_of: The moment from which moments are counted.
        """
        found: list[Trait] = []
        for table in self.tables:
            relation = table.after if movers == "enter" else table.before
            columns = [column for column in self.warehouse.columns(relation) if not column.name.endswith("_id")]
            found += self._compared(relation, columns, table.labels, segment, movers, others, as_of)
        strongest = sorted(found, key=lambda trait: (-abs(trait.effect), trait.name))
        return tuple(trait for trait in strongest if abs(trait.effect) >= _LEAST)[:_MOST]

    def _compared(
        self,
        relation: Relation,
        columns: Sequence[Column],
        labels: Mapping[str, frozenset[str]],
        segment: str,
        movers: str,
        others: str,
        as_of: datetime,
    ) -> Iterator[Trait]:
        plain = [column for column in columns if labels.get(column.name, frozenset()) <= _STATED]
        rows = self._figures(relation, columns, plain, segment, as_of)
        one, other = rows.get(movers), rows.get(others)
        if one is None or other is None:
            return
        for number, column in enumerate(columns):
            yield from _shares(f"{column.name} is known", _pair(one, other, f"known_{number}", "count_people"))
        texts = []
        for number, column in enumerate(plain):
            if column.type.is_type(exp.DataType.Type.BOOLEAN):
                yield from _shares(column.name, _pair(one, other, f"true_{number}", f"count_{number}"))
            elif column.type.is_type(*exp.DataType.TEXT_TYPES):
                if max(int(row[f"values_{number}"] or 0) for row in (one, other)) <= _VALUES:
                    texts.append(column)
            elif (unit := _unit(column)) is not None:
                yield from _means(column.name, unit, one, other, number)
        if texts:
            yield from self._categories(relation, texts, segment, movers, others, one, other)

    def _figures(
        self,
        relation: Relation,
        columns: Sequence[Column],
        plain: Sequence[Column],
        segment: str,
        as_of: datetime,
    ) -> dict[str, dict[str, Any]]:
        query: Any = statement(_GROUPED, self._known(relation), segment=segment)
        query = query.select(exp.alias_(exp.func("count", exp.Star()), "count_people"))
        for number, column in enumerate(columns):
            query = query.select(exp.alias_(exp.func("count", _value(column)), f"known_{number}"))
        for number, column in enumerate(plain):
            value = _value(column)
            query = query.select(exp.alias_(exp.func("count", value), f"count_{number}"))
            if column.type.is_type(exp.DataType.Type.BOOLEAN):
                query = query.select(exp.alias_(exp.func("count", exp.case().when(value, "1")), f"true_{number}"))
            elif column.type.is_type(*exp.DataType.TEXT_TYPES):
                query = query.select(exp.alias_(exp.Count(this=exp.Distinct(expressions=[value])), f"values_{number}"))
            elif (unit := _unit(column)) is not None:
                figure = _days(value, as_of) if unit == "days ago" else exp.cast(value, "double")
                query = query.select(
                    exp.alias_(exp.func("avg", figure), f"mean_{number}"),
                    exp.alias_(exp.func("stddev_pop", figure.copy()), f"spread_{number}"),
                )
        return {str(row["move"]): row for row in self.warehouse.query(query.group_by("1"))}

    def _categories(
        self,
        relation: Relation,
        columns: Sequence[Column],
        segment: str,
        movers: str,
        others: str,
        one: Mapping[str, Any],
        other: Mapping[str, Any],
    ) -> Iterator[Trait]:
        text = _COUNTED if others != "none" else _COUNTED.replace("inner join", "left join")
        counted: dict[tuple[str, str], dict[str, int]] = {}
        for column in columns:
            query = statement(text, self._known(relation), segment=segment, trait=column.name, value=_value(column))
            for row in self.warehouse.query(query):
                if row["value"] is not None:
                    counted.setdefault((column.name, str(row["value"])), {})[str(row["move"])] = int(
                        row["count_people"]
                    )
        whole = int(one["count_people"]), int(other["count_people"])
        for (name, value), groups in counted.items():
            counts = groups.get(movers, 0), groups.get(others, 0)
            yield from _shares(f"{name} = {value}", (counts[0], whole[0], counts[1], whole[1]))

    def _known(self, relation: Relation) -> dict[str, Relation]:
        return {"people": relation, "diff_moves": self.moves}


def _value(column: Column) -> exp.Expr:
    return column.expression("people")


def _unit(column: Column) -> str | None:
    if column.type.is_type(*exp.DataType.NUMERIC_TYPES):
        return "mean"
    return "days ago" if column.type.is_type(*TIMESTAMPS, exp.DataType.Type.DATE) else None


def _days(value: exp.Expr, as_of: datetime) -> exp.Expr:
    moment = exp.cast(exp.Literal.string(as_of.isoformat(sep=" ")), "timestamp")
    seconds = exp.DateDiff(this=moment, expression=exp.cast(value, "timestamp"), unit=exp.var("SECOND"))
    return exp.Div(this=exp.cast(seconds, "double"), expression=exp.Literal.number(_SECONDS))


def _pair(one: Mapping[str, Any], other: Mapping[str, Any], part: str, whole: str) -> tuple[int, int, int, int]:
    return int(one[part] or 0), int(one[whole] or 0), int(other[part] or 0), int(other[whole] or 0)


def _means(name: str, unit: str, one: Mapping[str, Any], other: Mapping[str, Any], number: int) -> Iterator[Trait]:
    if min(int(row[f"count_{number}"] or 0) for row in (one, other)) < FEWEST:
        return
    means = [float(row[f"mean_{number}"]) for row in (one, other)]
    spreads = [float(row[f"spread_{number}"] or 0) for row in (one, other)]
    spread = math.sqrt((spreads[0] ** 2 + spreads[1] ** 2) / 2)
    if not all(map(math.isfinite, (*means, spread))):
        return
    difference = means[0] - means[1]
    # Where nobody differs from their own group, the groups differ as much as they can.
    effect = difference / spread if spread > abs(difference) * 0.1 else math.copysign(10.0, difference)
    yield Trait(name, unit, means[0], means[1], round(effect if difference else 0.0, 2))


def _shares(name: str, counts: tuple[int, int, int, int]) -> Iterator[Trait]:
    """Yield how two shares differ: as little as they can, where fewer than ten people have, or lack, what is shared."""
    (low, high), (other_low, other_high) = one, other = _between(*counts[:2]), _between(*counts[2:])
    if high >= other_low and other_high >= low:
        return
    nearest = (high, other_low) if high < other_low else (low, other_high)
    angles = [2 * math.asin(math.sqrt(share)) for share in nearest]
    figures = [_told(share) for share in (one, other)]
    effect = round(angles[0] - angles[1], 2)
    yield Trait(name, "share", figures[0][1], figures[1][1], effect, figures[0][0], figures[1][0])


def _between(part: int, whole: int) -> tuple[float, float]:
    """Return the least and the most that a share may be, by what may be told of it."""
    if whole < FEWEST:
        return 0.0, 1.0
    lowest = 0.0 if part < FEWEST else 1 - (FEWEST - 1) / whole if whole - part < FEWEST else part / whole
    highest = 1.0 if whole - part < FEWEST else (FEWEST - 1) / whole if part < FEWEST else part / whole
    return lowest, highest


def _told(share: tuple[float, float]) -> tuple[str, float]:
    low, high = share
    if low == high:
        return "", round(low, 4)
    return ("under", round(high, 4)) if low == 0.0 else ("over", round(low, 4))
