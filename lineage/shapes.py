"""What a query yields, column by column: from which columns of which relations each value comes, and how.

A query that puts several others together has a branch for each. That is what tells apart the kinds of a column whose
rows hold different ones: of the rows where ``trait`` is ``'email'``, ``value`` comes from the branch that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeAlias

ROWS = "(rows)"  #: stands, like a column, for what decides which rows a relation has
MOST_BRANCHES = 48  #: more are taken together, which says more of each than is true, and never less

#: Columns of a relation and the values that they have in the rows that are read of it.
Rows: TypeAlias = "frozenset[tuple[str, frozenset[str]]]"


class How(IntEnum):
    """How a value comes from another; the larger of two wins along a path."""

    PLAIN = 0  #: it is the value, whole or in part, as it was or converted
    HASHED = 1  #: it is a hash of the value
    DERIVED = 2  #: it was decided or counted by the value, which is not in it


@dataclass(frozen=True, slots=True)
class Origin:
    """A column that a value comes from.

    Attributes:
        node: dbt's id of the relation; empty where the way ends without one.
        column: The column, lower case; where there is no relation, the reason.
        how: How the value comes from it.
        reading: Tells two readings of one relation in one query apart.
        rows: Which of the relation's rows are read.
        takes: The field of the JSON in the column that is read; empty for the column as it is, none for a conversion.
        key: The field of the JSON that the value becomes.
        by: The columns of the relation that say which rows the value can be of; none where any of them does. A window
            looks at other rows than its own, but at none outside of its partition.
    """

    node: str
    column: str
    how: How = How.PLAIN
    reading: int = 0
    rows: Rows = frozenset()
    takes: str | None = ""
    key: str | None = None
    by: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """Where a value comes from.

    Attributes:
        origins: The columns; none for a value that is written in the query.
        literals: The values that it can have apart from null, where the query says; none where it may have any.
    """

    origins: frozenset[Origin] = frozenset()
    literals: frozenset[str] | None = frozenset()

    @property
    def same(self) -> Origin | None:
        """The one column whose value this is, unchanged."""
        if self.literals is not None or len(self.origins) != 1:
            return None
        [origin] = self.origins
        return origin if origin.how is How.PLAIN and origin.takes == "" and origin.key is None else None

    def converted(self) -> Value:
        """Return the value after a conversion."""
        return Value(frozenset(replace(one, takes=one.takes or None, key=None) for one in self.origins), None)

    def at_least(self, how: How) -> Value:
        """Return what comes from the same columns in another way."""
        return Value(
            frozenset(replace(one, how=max(one.how, how), takes=one.takes or None, key=None) for one in self.origins),
            None,
        )


def untraced(reason: str) -> Value:
    """Return a value of which nobody knows where it comes from."""
    return Value(frozenset({Origin("", reason)}), None)


def together(values: Iterable[Value]) -> Value:
    """Return a value that is one of several, or made of them."""
    found = list(values)
    origins = frozenset[Origin]().union(*(value.origins for value in found))
    literals: frozenset[str] | None = frozenset()
    for value in found:
        literals = None if literals is None or value.literals is None else literals | value.literals
    return Value(origins, literals)


def taken(origins: Iterable[Origin], name: str) -> frozenset[Origin]:
    """Return what comes from one field of the JSON that comes from these columns."""
    found = set()
    for one in origins:
        if one.key is not None:
            if one.key == name:
                found.add(replace(one, key=None))
        elif one.takes == "" and one.how is How.PLAIN:
            found.add(replace(one, takes=name))
        else:
            found.add(one)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the queries that a query puts together, or a relation that it reads.

    Attributes:
        columns: Its columns, lower case, in their order.
        rows: What decides which rows it has.
        open: The relations, and their readings, that may have more columns than are known.
        anything: What every other column is, of a function whose columns nobody knows.
    """

    columns: Mapping[str, Value]
    rows: frozenset[Origin] = frozenset()
    open: frozenset[tuple[str, int]] = frozenset()
    anything: Value | None = None

    def get(self, column: str) -> Value | None:
        """Return a column that is known, by its name."""
        return self.columns.get(column)

    def guessed(self, column: str) -> Value | None:
        """Return a column that is not known, if the branch may have more than are."""
        if self.anything is not None:
            return self.anything
        if self.open:
            return Value(frozenset(Origin(node, column, reading=reading) for node, reading in self.open), None)
        return None


def reading_of(node: str, columns: Sequence[str], reading: int, *, is_open: bool) -> Branch:
    """Return a relation as a query reads it."""
    return Branch(
        {name: Value(frozenset({Origin(node, name, reading=reading)}), None) for name in columns},
        frozenset({Origin(node, ROWS, How.DERIVED, reading)}),
        frozenset({(node, reading)}) if is_open else frozenset(),
    )


def narrowed(branch: Branch, column: str, allowed: frozenset[str]) -> Branch | None:
    """Return the branch where a column has one of these values; nothing where it never has."""
    value = branch.get(column) or branch.guessed(column)
    if value is None:
        return branch
    if value.literals is not None:
        return branch if value.literals & allowed else None
    same = value.same
    if same is None:
        return branch
    pair = (same.column, allowed)

    def less(found: frozenset[Origin]) -> frozenset[Origin]:
        return frozenset(
            replace(one, rows=one.rows | {pair})
            if (one.node, one.reading) == (same.node, same.reading) and (one.by is None or same.column in one.by)
            else one
            for one in found
        )

    columns = {name: Value(less(one.origins), one.literals) for name, one in branch.columns.items()}
    return replace(branch, columns=columns, rows=less(branch.rows))


def reread(branch: Branch, number: Counter) -> Branch:
    """Return a branch with readings of its own, for a query that reads it a second time."""
    numbers: dict[int, int] = {}

    def renumbered(found: frozenset[Origin]) -> frozenset[Origin]:
        return frozenset(replace(one, reading=numbers.setdefault(one.reading, number.next())) for one in found)

    return Branch(
        {name: Value(renumbered(one.origins), one.literals) for name, one in branch.columns.items()},
        renumbered(branch.rows),
        frozenset((node, numbers.setdefault(reading, number.next())) for node, reading in branch.open),
        branch.anything,
    )


def as_one(branches: Sequence[Branch]) -> Branch:
    """Return branches taken together: each column is what it is in any of them."""
    names = dict.fromkeys(name for branch in branches for name in branch.columns)
    columns = {name: together(branch.columns[name] for branch in branches if name in branch.columns) for name in names}
    rows = frozenset[Origin]().union(*(branch.rows for branch in branches))
    opened = frozenset[tuple[str, int]]().union(*(branch.open for branch in branches))
    anything = [branch.anything for branch in branches if branch.anything is not None]
    return Branch(columns, rows, opened, together(anything) if anything else None)


def fewer(branches: Sequence[Branch]) -> list[Branch]:
    """Return the branches, or one for all where there are too many to follow."""
    return list(branches) if len(branches) <= MOST_BRANCHES else [as_one(branches)]


@dataclass
class Counter:
    """Numbers the readings of one query."""

    last: int = field(default=0)

    def next(self) -> int:
        """Return a number that was not given before."""
        self.last += 1
        return self.last
