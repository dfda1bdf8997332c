"""The law of limits, one edge after the other: who is one person, and which links are refused.

The warehouse keeps the same law set by set (``macros/identity``) for all people at once. Here it is said in the slow
and plain way, for the one component that a decision by hand touches, so that its effect can be shown before it is
written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

INCLUDE = "include"
PROBABLE = "probable"
EXCLUDED = "excluded"  #: what a refusal names in the place of a limited type when an exclude stood against it
INCLUDED = "included"  #: the same of an exclude that a later include overruled
DEFAULT = "default"  #: the rule of the types that no rule names


@dataclass(frozen=True, slots=True)
class Edge:
    """An active edge.

    Attributes:
        a: The older identifier's number.
        b: The newer identifier's number.
        rule: What links them.
        at: When it was first seen; for an include, when it was decided.
        weight: How sure it is, from 0 to 1.
    """

    a: int
    b: int
    rule: str
    at: datetime | None
    weight: float = 1


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A decision in force that two identifiers are two people.

    Attributes:
        a: One identifier's number.
        b: The other's.
        at: When it was decided.
    """

    a: int
    b: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A link that was refused.

    Attributes:
        a: The older identifier's number.
        b: The newer identifier's number.
        limit_type: The type whose limit it would break, or ``excluded``.
        limit_max: The limit; None for ``excluded``.
    """

    a: int
    b: int
    limit_type: str
    limit_max: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules say of each identifier type; ``default`` speaks for those that are not named.

    Attributes:
        priorities: How certain the type is; 1 is the most certain.
        limits: How many identifiers of the type one person may have; None for any number.
    """

    priorities: Mapping[str, int]
    limits: Mapping[str, int | None]

    def priority(self, kind: str) -> int:
        """Return how certain a type is."""
        return self.priorities.get(kind, self.priorities.get(DEFAULT, 0))

    def limit(self, kind: str) -> int | None:
        """Return how many identifiers of a type one person may have, or None for any number."""
        return self.limits[kind] if kind in self.limits else self.limits.get(DEFAULT)


@dataclass(frozen=True, slots=True)
class Solution:
    """Who is one person.

    Attributes:
        person: The number of the person's oldest identifier, by identifier.
        refusals: The links that were refused, in the order of their ranks.
    """

    person: Mapping[int, int]
    refusals: Sequence[Refusal]


def solve(types: Mapping[int, str], edges: Iterable[Edge], exclusions: Iterable[Exclusion], rules: Rules) -> Solution:
    """Add the edges one at a time, the best first, and refuse each that would break a limit or an exclude.

    Args:
        types: The type of every identifier, by its number.
        edges: The active edges among them.
        exclusions: The excludes in force; those with an end elsewhere forbid nothing here.
        rules: The priorities and limits.
    """
    clusters = _Clusters(types, exclusions, rules)
    ranked = _ranked(types, edges, rules)
    for edge in ranked:
        clusters.unite(edge)
    # Limits are monotone: what keeps two people apart in the end is what kept them apart when the edge's turn came.
    refusals = [refusal for edge in ranked if (refusal := clusters.refusal(edge)) is not None]
    return Solution({node: clusters.find(node) for node in types}, refusals)


def _ranked(types: Mapping[int, str], edges: Iterable[Edge], rules: Rules) -> list[Edge]:
    """Return the best edge of every pair, in the order of the law."""

    def rank(edge: Edge) -> tuple[object, ...]:
        since = edge.at.replace(tzinfo=UTC).timestamp() if edge.at is not None else 0.0
        kind = {INCLUDE: 0, PROBABLE: 2}.get(edge.rule, 1)
        latest_first = -since if edge.rule == INCLUDE else 0.0
        worse = max(rules.priority(types[edge.a]), rules.priority(types[edge.b]))
        likelier_first = -edge.weight if edge.rule == PROBABLE else 0.0
        return kind, latest_first, likelier_first, worse, edge.at is None, since, edge.a, edge.b

    best: dict[tuple[int, int], Edge] = {}
    for edge in sorted(edges, key=rank):
        best.setdefault((edge.a, edge.b), edge)
    return list(best.values())


class _Clusters:
    """A union-find that knows how many identifiers of each limited type a cluster has, and who is kept from whom."""

    def __init__(self, types: Mapping[int, str], exclusions: Iterable[Exclusion], rules: Rules) -> None:
        self._parent = {node: node for node in types}
        self._limits = {kind: limit for kind in set(types.values()) if (limit := rules.limit(kind)) is not None}
        self._held = {node: Counter([kind]) for node, kind in types.items() if kind in self._limits}
        self._excluded: dict[int, list[tuple[int, datetime]]] = {}
        self._guarded: dict[int, list[int]] = {}
        for exclusion in exclusions:
            if exclusion.a in self._parent and exclusion.b in self._parent:
                for mine, theirs in ((exclusion.a, exclusion.b), (exclusion.b, exclusion.a)):
                    self._excluded.setdefault(mine, []).append((theirs, exclusion.at))
                    self._guarded[mine] = [mine]

    def find(self, node: int) -> int:
        """Return the oldest identifier of a cluster."""
        root = node
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[node] != root:
            self._parent[node], node = root, self._parent[node]
        return root

    def unite(self, edge: Edge) -> None:
        """Make the clusters of an edge's ends one, unless a limit or an exclude stands against it."""
        older, newer = sorted((self.find(edge.a), self.find(edge.b)))
        if older == newer or self.refusal(edge) is not None:
            return
        self._parent[newer] = older
        if newer in self._held:
            self._held[older] = self._held.get(older, Counter()) + self._held.pop(newer)
        if newer in self._guarded:
            self._guarded.setdefault(older, []).extend(self._guarded.pop(newer))

    def refusal(self, edge: Edge) -> Refusal | None:
        """Return why the clusters of an edge's ends stay two; None where they are one or may become one."""
        older, newer = sorted((self.find(edge.a), self.find(edge.b)))
        if older == newer:
            return None
        if self._is_excluded(older, newer, edge):
            return Refusal(edge.a, edge.b, EXCLUDED, None)
        mine, theirs = self._held.get(older, Counter()), self._held.get(newer, Counter())
        if edge.rule == INCLUDE:
            return None
        # Of several limits that the two would break, the first by name is named.
        broken = (
            kind for kind in sorted(mine.keys() & theirs.keys()) if mine[kind] + theirs[kind] > self._limits[kind]
        )
        kind = next(broken, None)
        return None if kind is None else Refusal(edge.a, edge.b, kind, self._limits[kind])

    def _is_excluded(self, older: int, newer: int, edge: Edge) -> bool:
        """Tell whether an exclude stands between two clusters. An include decided later than it overrules it."""
        fewer, other = sorted((older, newer), key=lambda root: len(self._guarded.get(root, ())))
        return any(
            self.find(theirs) == other and not (edge.rule == INCLUDE and edge.at is not None and edge.at > decided_at)
            for mine in self._guarded.get(fewer, ())
            for theirs, decided_at in self._excluded[mine]
        )
