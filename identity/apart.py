"""The way from one identifier to another, through links that hold and, where it must, through links that do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from identity import chain
from identity.graph import Node, Pair, any_of_many, links_within
from identity.tables import Tables

# Links that do not make two people one: switched off by a rule, no longer stated, or refused. An exclude links nobody.
_LOOSE = """
with chosen as (
    select labels.node_seq from identity_labels as labels where $chosen
),
loose as (
    select a, b from identity_edges where not is_active and rule <> 'exclude'
    union all
    select a, b from identity_refusals
),
touching as (
    select loose.a, loose.b from loose inner join chosen on loose.a = chosen.node_seq
    union
    select loose.a, loose.b from loose inner join chosen on loose.b = chosen.node_seq
)
select touching.a, touching.b, left_end.canonical_seq as person_a, right_end.canonical_seq as person_b
from touching
inner join identity_labels as left_end on touching.a = left_end.node_seq
inner join identity_labels as right_end on touching.b = right_end.node_seq
where left_end.canonical_seq <> right_end.canonical_seq
limit $limit
"""


@dataclass(frozen=True, slots=True)
class Way:
    """What leads from one identifier to another.

    Attributes:
        nodes: The identifiers of the chain by number, both ends included; None where there is no chain.
        broken: The links of the chain that do not hold.
        links: The links that hold inside the persons on the way.
        gave_up: Whether the search ended at its bound, so that a chain may exist all the same.
    """

    nodes: list[int] | None
    broken: frozenset[Pair] = frozenset()
    links: list[Pair] = field(default_factory=list)
    gave_up: bool = False


def way(tables: Tables, start: Node, end: Node, most: int = 200_000) -> Way:
    """Return the chain with the fewest links that do not hold and, of those, one with the fewest links.

    It is looked for from both ends at once, person by person. Nothing is read of who is not near either of them.

    Args:
        tables: The stored graph.
        start: Where the chain begins.
        end: Where it ends.
        most: Give up when more than so many links that do not hold were looked at, as around a till that a million
            people used.
    """
    sides = {start.person}, {end.person}
    fronts = {start.person}, {end.person}
    loose: dict[Pair, Pair] = {}
    while not sides[0] & sides[1]:
        nearer = min((0, 1), key=lambda side: len(fronts[side]))
        if not fronts[nearer]:
            return Way(None)
        found = _touching(tables, fronts[nearer], most - len(loose))
        if found is None:
            return Way(None, gave_up=True)
        loose |= found
        reached = {person for persons in found.values() for person in persons} - sides[nearer]
        sides[nearer].update(reached)
        fronts[nearer].clear()
        fronts[nearer].update(reached)
    persons = _between(loose.values(), start.person, end.person)
    broken = {pair for pair, ends in loose.items() if ends[0] in persons and ends[1] in persons}
    links = links_within(tables, persons)
    nodes = chain.shortest(links, start.seq, end.seq, broken)
    if nodes is None:
        return Way(None, links=links)
    steps = {(min(step), max(step)) for step in pairwise(nodes)}
    return Way(nodes, frozenset(broken & steps), links)


def _touching(tables: Tables, persons: set[int], most: int) -> dict[Pair, Pair] | None:
    """Return the links that lead out of some persons, with the persons at their ends, or None for too many."""
    found: dict[Pair, Pair] = {}
    for chosen in any_of_many("canonical_seq", "labels", persons):
        rows = tables.tuples(_LOOSE, chosen=chosen, limit=most + 1)
        found |= {(row[0], row[1]): (row[2], row[3]) for row in rows}
        if len(found) > most:
            return None
    return found


def _between(links: Iterable[Pair], start: int, end: int) -> set[int]:
    """Return the persons that lie on any chain of persons with the fewest links."""
    import networkx as nx

    graph = nx.Graph(links)
    graph.add_nodes_from((start, end))
    from_start = nx.single_source_shortest_path_length(graph, start)
    from_end = nx.single_source_shortest_path_length(graph, end)
    return {
        person
        for person, steps in from_start.items()
        if person in from_end and steps + from_end[person] == from_start[end]
    }
