"""Limits and excludes take people apart exactly as if their edges were taken one at a time, best first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .greedy import Edge, Greedy
from .solved import Solver, rules

START = datetime(2026, 1, 1)
PRIORITIES = {"user_id": 10, "email": 30, "phone": 30, "device": 90}
LIMITS = {"user_id": 1, "email": 2, "phone": 3}
Graph = tuple[dict[int, str], list[Edge]]


def small_graphs(dice: random.Random, how_many: int, first: int = 1) -> Iterator[Graph]:
    """Graphs of up to 12 nodes, numbered one after the other, with everything that may happen to them."""
    for number in range(how_many):
        size = dice.randrange(2, 13)
        nodes = list(range(first, first + size))
        first += size
        kinds = list(PRIORITIES) if number % 3 else ["user_id", "email"]
        types = {node: dice.choice(kinds) for node in nodes}
        edges: dict[tuple[int, int, str, str], Edge] = {}
        for _ in range(dice.randrange(1, 3 * size)):
            a, b = sorted(dice.sample(nodes, 2))
            rule = dice.choice(["same_record"] * 12 + ["probable"] * 3 + (["include", "exclude"] if number % 2 else []))
            source = "by hand" if rule in ("include", "exclude") else dice.choice(["shop", "till"])
            # Few moments, so that many are equal; and some that nobody knows.
            seen_at = START + timedelta(days=dice.randrange(4)) if dice.random() < 0.9 else None
            if rule in ("include", "exclude"):
                seen_at = START + timedelta(days=dice.randrange(6))
            edges[a, b, rule, source] = Edge(a, b, seen_at, rule, source)
        yield types, list(edges.values())


def whole(graphs: Iterator[Graph]) -> Graph:
    """Several graphs as one."""
    types: dict[int, str] = {}
    edges: list[Edge] = []
    for some_types, some_edges in graphs:
        types |= some_types
        edges += some_edges
    return types, edges


def greedy(graph: Graph, limits: dict[str, int] = LIMITS) -> Greedy:
    return Greedy(graph[0], PRIORITIES, limits)


@pytest.fixture
def solver(tmp_path: Path) -> Solver:
    return Solver(tmp_path, rules(LIMITS, PRIORITIES))


def check(solver: Solver, graph: Graph, limits: dict[str, int] = LIMITS) -> None:
    """Compares people and refusals with those of the definition, component by component."""
    said, refused = solver.people(), solver.refusals()
    by_definition = greedy(graph, limits)
    assert said == by_definition.people(graph[1])
    assert refused == by_definition.refusals(graph[1])


@pytest.mark.parametrize("rows", [10000, 3], ids=["by sets", "by hand"])
def test_thousands_of_random_graphs_equal_the_definition_refusals_included(solver: Solver, rows: int) -> None:
    graph = whole(small_graphs(random.Random(rows), 2500))
    solver.variables["identity_repair_rows"] = rows
    solver.write(*graph)
    solver.solve()
    check(solver, graph)
    assert {kind for *_, kind, _ in solver.refusals()} == {*LIMITS, "excluded", "included"}
