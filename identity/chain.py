"""Paths through links: the shortest chain between two identifiers, and the fewest links that hold them together.

networkx is imported where it is used: it takes a quarter of a second, which nobody else should wait for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from identity.graph import Pair


def shortest(links: Iterable[Pair], start: int, end: int, broken: Collection[Pair] = ()) -> list[int] | None:
    """Return the identifiers of a shortest chain from one to another, both included.

    Args:
        links: Pairs of identifiers that are linked, or were or would be.
        start: Where the chain begins.
        end: Where it ends.
        broken: Those of the links that do not hold. A chain takes as few of them as it can, and then as few links.

    Returns:
        The chain; None where there is none.
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from((start, end))
    # Sorted, so that of two chains of one length it is always the same.
    whole = sorted(set(links))
    graph.add_edges_from(whole, weight=1)
    graph.add_edges_from((*pair, {"weight": len(whole) + 1}) for pair in sorted(broken))
    try:
        found: list[int] = (
            nx.bidirectional_dijkstra(graph, start, end)[1] if broken else nx.shortest_path(graph, start, end)
        )
    except nx.NetworkXNoPath:
        return None
    return found


def cut(links: Iterable[Pair], start: int, end: int) -> list[Pair]:
    """Return a smallest set of links without which there is no chain between two identifiers."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(sorted(set(links)))
    return sorted((min(a, b), max(a, b)) for a, b in nx.minimum_edge_cut(graph, start, end))
