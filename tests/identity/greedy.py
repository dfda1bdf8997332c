"""What limits and excludes must lead to, worked out as they are defined: one edge after the other, by rank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Edge:
    """A row of identity_edges, as far as it matters here. An exclude in force is an edge whose rule is 'exclude'."""

    a: int
    b: int
    seen_at: datetime | None
    rule: str = "same_record"
    source: str = "shop"
    weight: float = 1

    @property
    def is_active(self) -> bool:
        """Whether it links."""
        return self.rule != "exclude"


#: (a, b, rule, source, limit type, limit)
Refusal = tuple[int, int, str, str, str, int | None]


class Greedy:
    """Joins the nodes of a graph to people.

    Attributes:
        types: The identifier type of each node.
        priorities: The priority of each type.
        limits: How many identifiers of a type one person may have.
    """

    def __init__(self, types: Mapping[int, str], priorities: Mapping[str, int], limits: Mapping[str, int]) -> None:
        self.types = types
        self.priorities = priorities
        self.limits = limits

    def people(self, edges: Collection[Edge]) -> dict[int, int]:
        """The oldest node of the person that each node belongs to."""
        self.members = {node: {node} for node in self.types}
        self.person = {node: node for node in self.types}
        self.excludes: dict[int, list[Edge]] = defaultdict(list)
        for edge in edges:
            if edge.rule == "exclude":
                self.excludes[edge.a].append(edge)
                self.excludes[edge.b].append(edge)
        for edge in sorted((edge for edge in edges if edge.is_active), key=self._rank):
            left, right = self.person[edge.a], self.person[edge.b]
            if left != right and not self._refused_by(edge, left, right):
                small, large = sorted((left, right), key=lambda person: len(self.members[person]))
                for node in self.members[small]:
                    self.person[node] = large
                self.members[large] |= self.members.pop(small)
        return {node: min(self.members[person]) for node, person in self.person.items()}

    def refusals(self, edges: Collection[Edge]) -> set[Refusal]:
        """Every edge that keeps two people apart, after ``people``, and every exclude that was overruled."""
        found: set[Refusal] = set()
        for edge in edges:
            left, right = self.person[edge.a], self.person[edge.b]
            if edge.rule == "exclude" and left == right:
                found.add((edge.a, edge.b, edge.rule, edge.source, "included", None))
            elif edge.is_active and left != right:
                reasons = self._refused_by(edge, left, right)
                limit = "excluded" if "excluded" in reasons else min(reasons)
                found.add((edge.a, edge.b, edge.rule, edge.source, limit, self.limits.get(limit)))
        return found

    def _rank(self, edge: Edge) -> tuple[Any, ...]:
        worse = max(self.priorities[self.types[edge.a]], self.priorities[self.types[edge.b]])
        kind = {"include": 0, "probable": 2}.get(edge.rule, 1)
        decided = -edge.seen_at.timestamp() if edge.rule == "include" and edge.seen_at else 0
        improbable = -edge.weight if edge.rule == "probable" else 0
        return kind, decided, improbable, worse, edge.seen_at is None, edge.seen_at or datetime.min, edge.a, edge.b

    def _refused_by(self, edge: Edge, left: int, right: int) -> set[str]:
        reasons = set()
        for other in (each for node in self.members[left] for each in self.excludes.get(node, ())):
            apart = {self.person[other.a], self.person[other.b]} == {left, right}
            if apart and not (edge.rule == "include" and _after(edge, other)):
                reasons.add("excluded")
        if edge.rule != "include":
            held = [Counter(self.types[node] for node in self.members[each]) for each in (left, right)]
            for kind, limit in self.limits.items():
                if held[0][kind] and held[1][kind] and held[0][kind] + held[1][kind] > limit:
                    reasons.add(kind)
        return reasons


def _after(edge: Edge, other: Edge) -> bool:
    return edge.seen_at is not None and (other.seen_at is None or edge.seen_at > other.seen_at)
