"""Graphs that make a careless loop slow or wrong, each solved in one build and compared with a union-find."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from .conftest import IdentityProject, Mention
from .oracle import Oracle, Record

START = datetime(2026, 1, 1)
Edge = tuple[int, int]


def shapes(dice: random.Random) -> Iterator[tuple[str, list[Edge], bool]]:
    """(name, edges, whether the nodes are numbered in a random order)."""
    chain = [(each, each + 1) for each in range(3000)]
    star = [(0, each) for each in range(1, 3000)]
    grid = [(40 * y + x, 40 * y + x + 1) for y in range(40) for x in range(39)]
    grid += [(40 * y + x, 40 * y + x + 40) for y in range(39) for x in range(40)]
    comb = [(each, each + 1) for each in range(300)]
    comb += [(each + 301 * tooth, each + 301 * (tooth + 1)) for each in range(300) for tooth in range(8)]
    tree = [(each, (each - 1) // 2) for each in range(1, 2000)]
    # A person with 10,000 identifiers, and a graph with few hubs and many ends (RMAT).
    person = [(dice.randrange(max(each - 50, 0), each), each) for each in range(1, 10000)]
    hubs = [rmat(dice, 11) for _ in range(4000)]
    named = {"chain": chain, "star": star, "grid": grid, "comb": comb, "tree": tree, "person": person, "hubs": hubs}
    for name, edges in named.items():
        yield f"{name}-in-order", edges, False
        yield f"{name}-at-random", edges, True
    for number in range(300):
        nodes = dice.randrange(2, 12)
        edges = [(dice.randrange(nodes), dice.randrange(nodes)) for _ in range(dice.randrange(1, 14))]
        yield f"random-{number}", edges, True


def rmat(dice: random.Random, scale: int) -> Edge:
    """An edge whose ends are in the same quarter of the numbers more often than not, at every scale."""
    left = right = 0
    for _ in range(scale):
        quarter = dice.choices((0, 1, 2, 3), weights=(57, 19, 19, 5))[0]
        left, right = 2 * left + quarter // 2, 2 * right + quarter % 2
    return left, right


def records(dice: random.Random) -> Iterable[Record]:
    for name, edges, at_random in shapes(dice):
        nodes = sorted({node for edge in edges for node in edge})
        moments = list(range(len(nodes)))
        if at_random:
            dice.shuffle(moments)
        seen_at = {node: START + timedelta(seconds=moment) for node, moment in zip(nodes, moments, strict=True)}
        for number, (left, right) in enumerate(edges):
            yield Record(
                f"{name}-{number}",
                (("user_id", f"{name}-{left}"), ("user_id", f"{name}-{right}")),
                max(seen_at[left], seen_at[right]),
            )
        for node in nodes:
            yield Record(f"{name}-node-{node}", (("user_id", f"{name}-{node}"),), seen_at[node])


def test_every_shape_is_solved_and_labelled_with_its_oldest_identifier(project: IdentityProject) -> None:
    given = list(records(random.Random(7)))
    mentions: list[Mention] = [
        ("shop", each.name, kind, value, each.seen_at) for each in given for kind, value in each.identifiers
    ]
    project.write(mentions)
    project.dbt("build", "--exclude-resource-type", "test")
    assert project.people() == Oracle({}).people(given)
