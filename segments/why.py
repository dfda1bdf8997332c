"""Why a person is in a segment or is not: the conditions of its SQL, with the values of the person.

Each step of the SQL is asked again for one person, with its conditions moved from ``where`` to ``select``. So what is
shown is what the warehouse itself says, whatever the SQL is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from segments.conditions import PERSON, Condition, Step, take_apart
from segments.origins import Origins
from segments.words import in_words
from warehouse.base import Warehouse

ROWS = 1_000  #: rows of one person that a step looks at
_WHO = "weft_person"
_CLAUSES = {"where": 0, "join": 0, "having": 1, "qualify": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one condition.

    Attributes:
        text: The condition, with whatever is the same for everybody worked out.
        needs: ``all`` or ``any`` of ``parts``; empty for a condition that has none.
        parts: The verdicts on its parts.
        count_holds: For how many of the person's rows it holds.
        count_rows: How many rows the person has in the step.
        values: The person's values of the columns in it; of the first row, where there are several.
        origins: The published table and column that each of those comes from.
    """

    text: str
    needs: str
    parts: tuple[Verdict, ...]
    count_holds: int
    count_rows: int
    values: Mapping[str, Any]
    origins: Mapping[str, tuple[str, str]]

    @property
    def holds(self) -> bool | None:
        """Whether it holds, for at least one row; nothing where the person has no row to ask it of."""
        return self.count_holds > 0 if self.count_rows else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "condition": self.text,
            "holds": self.holds,
            "rows": self.count_rows,
            "rows_that_hold": self.count_holds,
            "values": dict(self.values),
            "needs": self.needs or None,
            "parts": [part.to_dict() for part in self.parts],
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A column that a step computes and that a condition looks at.

    Attributes:
        column: Its name.
        text: What it is made of.
        value: What it is for this person; of the first row, where there are several.
        inputs: The person's values that it is made of.
    """

    column: str
    text: str
    value: Any
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """One step of the segment's SQL, for one person.

    Attributes:
        name: The CTE's name, or ``result``.
        reads: The tables and CTEs that it reads.
        verdicts: Its conditions.
        made: The columns that it computes and a condition looks at.
    """

    name: str
    reads: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    made: tuple[Made, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "step": self.name,
            "reads": list(self.reads),
            "conditions": [verdict.to_dict() for verdict in self.verdicts],
            "computed": [
                {"column": made.column, "from": made.text, "value": made.value, "inputs": dict(made.inputs)}
                for made in self.made
            ],
        }


def explain(warehouse: Warehouse, sql: str, person: str) -> list[Explained]:
    """Ask every condition of a segment for one person.

    Args:
        warehouse: Where the segment's tables are. Nothing is written.
        sql: The segment's compiled SQL, for the moment in question.
        person: The person's ``profile_id``.

    Returns:
        The steps that have conditions, from top to bottom. Steps that are not about single people are left out.

    Raises:
        WarehouseError: A step could not be asked by itself.
    """
    steps = take_apart(sql, warehouse.dialect)
    origins = Origins(sql, warehouse.dialect)
    return [_explained(warehouse, step, person, origins) for step in steps if step.person is not None]


def _explained(warehouse: Warehouse, step: Step, person: str, origins: Origins) -> Explained:
    verdicts: list[Verdict] = []
    made: list[Made] = []
    grouped = bool(step.query.args.get("group"))
    for stage in range(3):
        conditions = [one for one in step.conditions if _CLAUSES[one.kind] == stage]
        computed = step.made if stage == (1 if grouped else 0) else {}
        if conditions or computed:
            probe = _Probe(step, stage, conditions, computed)
            rows = probe.ask(warehouse, person)
            texts = in_words(warehouse, [*(leaf.expression for leaf in probe.leaves), *computed.values()])
            verdicts += [probe.verdict(one, rows, texts, origins) for one in conditions]
            made += [probe.made(name, rows, texts) for name in computed]
    reads = tuple(table.name for table in step.reads)
    return Explained(step.name, reads, tuple(verdicts), tuple(made))


class _Probe:
    """One question to the warehouse: a step of the SQL, with some of its conditions as columns.

    Args:
        step: The step.
        stage: 0 for the rows before anything is filtered or grouped, 1 for groups, 2 for ranked rows.
        conditions: What to ask.
        computed: Columns that the step computes.
    """

    def __init__(
        self, step: Step, stage: int, conditions: Sequence[Condition], computed: Mapping[str, exp.Expr]
    ) -> None:
        self._step, self._stage, self._computed = step, stage, computed
        self.leaves = [leaf for condition in conditions for leaf in condition.leaves()]
        looked_at = [column for leaf in self.leaves for column in leaf.columns()]
        looked_at += [column for made in computed.values() for column in made.find_all(exp.Column)]
        self._columns = {column.sql(): column for column in looked_at}

    def ask(self, warehouse: Warehouse, person: str) -> list[dict[str, Any]]:
        """Return the person's rows, the ones for which everything holds first."""
        query = self._step.query.copy()
        dropped = ("order", "limit", "offset", "distinct", *("where", "having", "qualify")[self._stage :])
        for clause in dropped:
            query.set(clause, None)
        if self._stage == 0:
            query.set("group", None)
        for join in query.args.get("joins") or ():
            if (
                self._stage == 0
                and not join.side
                and join.kind in ("", "INNER")
                and (join.args.get("on") or join.args.get("using"))
            ):
                join.set("kind", None)
                join.set("side", "LEFT")
        who = self._step.person
        assert who is not None, "steps that are not about single people are not asked"  # noqa: S101
        selected = [exp.alias_(who.copy(), _WHO)]
        selected += [exp.alias_(leaf.expression.copy(), f"c{place}") for place, leaf in enumerate(self.leaves)]
        selected += [
            exp.alias_(self._value(column), f"v{place}") for place, column in enumerate(self._columns.values())
        ]
        selected += [exp.alias_(made.copy(), f"m{place}") for place, made in enumerate(self._computed.values())]
        query.set("expressions", selected)
        best = [exp.column(f"c{place}").desc() for place in range(len(self.leaves))]
        asked = exp.select("*").from_(query.subquery("probe")).where(exp.column(_WHO).eq(person)).limit(ROWS)
        asked = asked.order_by(*best) if best else asked
        for cte in self._step.before:
            asked = asked.with_(cte.args["alias"].copy(), as_=cte.this.copy())
        return warehouse.query(asked)

    def _value(self, column: exp.Column) -> exp.Expr:
        # Of a group there is no single value, unless it is grouped by it.
        group = self._step.query.args.get("group")
        keys = {key.sql() for key in group.expressions} if group else set()
        if self._stage == 1 and column.sql() not in keys and column.name != PERSON:
            return exp.null()
        return column.copy()

    def verdict(
        self, condition: Condition, rows: Sequence[Mapping[str, Any]], texts: Mapping[str, str], origins: Origins
    ) -> Verdict:
        """Return what became of a condition."""
        if condition.parts:
            parts = tuple(self.verdict(part, rows, texts, origins) for part in condition.parts)
            count = sum(self._holds(condition, row) for row in rows)
            return Verdict("", condition.needs, parts, count, len(rows), {}, {})
        place = next(number for number, leaf in enumerate(self.leaves) if leaf is condition)
        shown = sorted(rows, key=lambda row: row[f"c{place}"] is not True)
        columns = condition.columns()
        return Verdict(
            texts[condition.expression.sql()],
            "",
            (),
            sum(row[f"c{place}"] is True for row in rows),
            len(rows),
            {column.name: self._read(column, shown[0]) for column in columns} if rows else {},
            {column.name: found for column in columns if (found := origins.of(self._step, column))},
        )

    def _holds(self, condition: Condition, row: Mapping[str, Any]) -> bool:
        if condition.parts:
            answers = [self._holds(part, row) for part in condition.parts]
            return all(answers) if condition.needs == "all" else any(answers)
        place = next(number for number, leaf in enumerate(self.leaves) if leaf is condition)
        return row[f"c{place}"] is True

    def made(self, name: str, rows: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> Made:
        """Return what a computed column is for the person."""
        expression = self._computed[name]
        place = list(self._computed).index(name)
        inputs = (
            {column.name: self._read(column, rows[0]) for column in expression.find_all(exp.Column)} if rows else {}
        )
        return Made(name, texts[expression.sql()], rows[0][f"m{place}"] if rows else None, inputs)

    def _read(self, column: exp.Column, row: Mapping[str, Any]) -> Any:
        return row[f"v{list(self._columns).index(column.sql())}"]
