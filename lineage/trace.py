"""From a column back to the raw ones, and what labels come along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from lineage.graph import Graph, Place
from lineage.labels import Declared
from lineage.policy import CarriedBy, Policy
from lineage.shapes import ROWS, How

#: The columns that a value went through, the first one first.
Path: TypeAlias = "tuple[Place, ...]"


class Carried(NamedTuple):
    """A label that reached a column.

    Attributes:
        label: The label.
        how: How the column's value comes from the labelled one.
        path: From the labelled column to this one.
    """

    label: str
    how: How
    path: Path


@dataclass
class Traced:
    """Where a column comes from.

    Attributes:
        carried: The labels, each with the way that shows most of it.
        sources: The ways from raw columns, and from those that dbt does not fill.
        unknown: The ways that end where nobody knows what comes before.
    """

    carried: list[Carried] = field(default_factory=list)
    sources: list[Path] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)


class _Step(NamedTuple):
    place: Place
    allowed: frozenset[str] | None  #: the labels that a column on the way let pass; none where it let all


@dataclass
class Tracer:
    """Follows columns of a project.

    Attributes:
        graph: The project's columns.
        declared: What the yml files say of them.
        policy: What the labels are.
    """

    graph: Graph
    declared: Mapping[tuple[str, str], Declared]
    policy: Policy

    def column(self, node: str, column: str) -> Traced:
        """Return where a column comes from, with the labels of all that it comes from."""
        found = self._trace(Place(node, column))
        followed = CarriedBy.CONDITIONS, CarriedBy.ROWS
        found.carried = [
            one
            for one in found.carried
            if one.how is not How.DERIVED or self.policy.labels[one.label].carried_by in followed
        ]
        return found

    def rows(self, node: str) -> Traced:
        """Return the labels of what decides which rows a relation has."""
        found = self._trace(Place(node, ROWS, How.DERIVED))
        found.carried = [one for one in found.carried if self.policy.labels[one.label].carried_by is CarriedBy.ROWS]
        return found

    def _trace(self, start: Place) -> Traced:
        first = _Step(start, None)
        after: dict[_Step, _Step | None] = {first: None}
        waiting, found = [first], Traced()
        carried: dict[str, Carried] = {}
        ends: dict[tuple[str, str], Path] = {}
        for step in waiting:  # grows while it is walked: the shortest ways come first
            place = step.place
            if not place.node:
                found.unknown.append(_path(step, after))
                continue
            before = list(self.graph.before(place))
            own, allowed = self._labels(step, is_origin=not before)
            for label in own:
                known = carried.get(label)
                if known is None or place.how < known.how:
                    carried[label] = Carried(label, place.how, _path(step, after))
            if not before or allowed == frozenset():
                self._end(step, _path(step, after), ends, found, is_settled=allowed == frozenset())
                continue
            for one in before:
                following = _Step(one, allowed)
                if following not in after:
                    after[following] = step
                    waiting.append(following)
        found.carried = [carried[label] for label in sorted(carried)]
        found.sources = [ends[key] for key in sorted(ends)]
        return found

    def _labels(self, step: _Step, *, is_origin: bool) -> tuple[frozenset[str], frozenset[str] | None]:
        """Return the labels that a column adds, and those that may come from before it."""
        place, allowed = step
        declared = self.declared.get((place.node, place.column))
        if declared is None:
            return frozenset(), allowed
        own = declared.labels if allowed is None else declared.labels & allowed
        if declared.is_only:
            return own, own
        if declared.is_mixed and (place.rows or place.field) and not is_origin:
            return frozenset(), allowed
        return own, allowed

    def _end(
        self, step: _Step, path: Path, ends: dict[tuple[str, str], Path], found: Traced, *, is_settled: bool
    ) -> None:
        place = step.place
        node = self.graph.manifest.nodes[place.node]
        if place.column == ROWS or is_settled or place.node in self.graph.shapes:
            if place.node in self.graph.shapes and not is_settled:
                return  # written in the SQL, such as a constant
        elif place.column not in {name.lower() for name in node.columns}:
            reason = f"{node.path} declares no column {place.column} of {node.name}, so nobody said what it holds"
            found.unknown.append((Place("", reason, place.how), *path))
            return
        key = (place.node, place.column)
        if key not in ends or place.how < ends[key][0].how:
            ends[key] = path


def _path(step: _Step, after: Mapping[_Step, _Step | None]) -> Path:
    path: list[Place] = []
    current: _Step | None = step
    while current is not None:
        path.append(current.place)
        current = after[current]
    return tuple(path)


def name_of(graph: Graph, place: Place) -> str:
    """Return a column's name for people: a raw table's with its source."""
    if not place.node:
        return place.column
    node = graph.manifest.nodes[place.node]
    source = f"{node.raw.get('source_name')}." if node.kind == "source" else ""
    part = f"[{place.field}]" if place.field else ""
    return f"{source}{node.name}.{place.column}{part}"


def in_words(graph: Graph, path: Sequence[Place]) -> str:
    """Return a way as text: its columns in order, and where the value was hashed or only decided something."""
    said = [name_of(graph, path[0])]
    for before, after in pairwise(path):
        # A place's `how` is that of all the way from it: the step is what the two differ by.
        arrow = "→" if before.how == after.how else "→ (hashed)" if before.how is How.HASHED else "→ (decides)"
        said.append(f"{arrow} {name_of(graph, after)}")
    return " ".join(said)
