"""Graphs that make a careless loop slow or wrong, each built in full through dbt and compared with scipy's answer."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.identity.graph import publish
from benchmarks.identity.measure import BUILD, as_dict
from benchmarks.identity.through_dbt import dbt

Numbers = npt.NDArray[np.int64]
_RULES = {"default": {"priority": 50, "degree_limit": None}}
_PERSON = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph.

    Attributes:
        name: What it is called.
        left: One end of every edge.
        right: The other end.
        numbers: In which order each node was first seen, which is how identity numbers them.
        is_one_record: Whether all of it is one record, and not each edge.
    """

    name: str
    left: Numbers
    right: Numbers
    numbers: Numbers
    is_one_record: bool = False


def shapes(nodes: int) -> Iterator[Shape]:
    """Every shape, with about so many nodes."""
    dice = np.random.default_rng(7)
    every = np.arange(nodes)
    side = math.isqrt(nodes)
    cells = np.arange(side * side).reshape(side, side)
    across = (cells[:, :-1].ravel(), cells[:, 1:].ravel())
    down = (cells[:-1, :].ravel(), cells[1:, :].ravel())

    yield Shape("star", np.zeros(nodes - 1, np.int64), every[1:], every)
    yield Shape("chain, numbered in order", every[:-1], every[1:], every)
    yield Shape("chain, numbered at random", every[:-1], every[1:], dice.permutation(nodes))
    grid = (np.concatenate([across[0], down[0]]), np.concatenate([across[1], down[1]]))
    yield Shape("grid, numbered in order", *grid, np.arange(cells.size))
    yield Shape("grid, numbered at random", *grid, dice.permutation(cells.size))
    comb = (np.concatenate([across[0], down[0][::side]]), np.concatenate([across[1], down[1][::side]]))
    yield Shape("comb, numbered in order", *comb, np.arange(cells.size))
    yield Shape("binary tree, numbered in order", every[1:], (every[1:] - 1) // 2, every)
    yield Shape("binary tree, numbered at random", every[1:], (every[1:] - 1) // 2, dice.permutation(nodes))
    scale = max(4, round(math.log2(nodes)))
    yield Shape(f"RMAT, scale {scale}", *_rmat(scale, 8 << scale, dice), dice.permutation(1 << scale))
    person = min(_PERSON, nodes)
    one = (np.zeros(person - 1, np.int64), np.arange(1, person))
    yield Shape(f"one record of {person:,} identifiers", *one, dice.permutation(person), is_one_record=True)


def _rmat(scale: int, edges: int, dice: np.random.Generator) -> tuple[Numbers, Numbers]:
    """A graph of a few busy and many quiet nodes: each bit of an edge's ends falls into one of four unequal corners."""
    left, right = np.zeros(edges, np.int64), np.zeros(edges, np.int64)
    for _ in range(scale):
        corner = np.searchsorted([0.57, 0.76, 0.95], dice.random(edges), side="right")
        left, right = 2 * left + corner // 2, 2 * right + corner % 2
    different = left != right
    return left[different], right[different]


def measure(nodes: int, within: Path | None) -> dict[str, Any]:
    """Builds every shape on a warehouse of its own, and returns what each took and whether it is right."""
    found: dict[str, Any] = {}
    for shape in shapes(nodes):
        home = Path(tempfile.mkdtemp(prefix="weft-bench-", dir=within))
        try:
            found[shape.name] = _solve(shape, home)
        finally:
            shutil.rmtree(home, ignore_errors=True)
        print(f"{shape.name}: {found[shape.name]['solving']:.2f} s", file=sys.stderr, flush=True)
    return {"nodes": nodes, "shapes": found}


def _solve(shape: Shape, home: Path) -> dict[str, Any]:
    raw = home / "raw"
    raw.mkdir()
    _write(shape, raw / "day_0.parquet")
    publish(raw, home / "warehouse.duckdb")
    variables = {"sources": {"bench": ["identifiers"]}, "identity_rules": _RULES}
    build = as_dict(dbt(home, *BUILD, variables=variables, environment={"WEFT_PACKS": "benchmarks/identity/pack"}))
    rounds = [number for each in build["rounds"].values() for number in each]
    return {
        "nodes": len(shape.numbers),
        "edges": len(shape.left),
        "solving": build["models"]["identity_moves"],
        "stitching": build["stitching"],
        "peak_mib": build["peak_mib"],
        "rounds": sum(rounds),
        "statements": build["statements"],
        **_compare(shape, home / "warehouse.duckdb"),
    }


def _write(shape: Shape, file: Path) -> None:
    edges = pa.table({"edge": np.arange(len(shape.left)), "left_node": shape.left, "right_node": shape.right})
    numbers = pa.table({"node": np.arange(len(shape.numbers)), "number": shape.numbers})
    record = "'person'" if shape.is_one_record else "'edge:' || edge"
    # In a record of everybody each is named once; the star that the edges draw is then not what the record says.
    ends = "select distinct 0 as edge, node from ends" if shape.is_one_record else "select * from ends"
    with duckdb.connect() as connection:
        connection.register("edges", edges)
        connection.register("numbers", numbers)
        connection.execute(
            f"""
            copy (
                with ends as (
                    select edge, left_node as node from edges
                    union all
                    select edge, right_node from edges
                )

                select
                    'bench' as source,
                    {record} as record_id,
                    'user_id' as identifier_type,
                    'node-' || node as identifier_value,
                    make_timestamp(1767225600000000 + 1000000 * number) as observed_at
                from ({ends}) inner join numbers using (node)
            ) to '{file}' (format parquet)
            """
        )


def _compare(shape: Shape, warehouse: Path) -> dict[str, int]:
    """How many components there are, and how many of scipy's and identity's are not the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(shape.numbers)
    graph = coo_array((np.ones(len(shape.left), np.int8), (shape.left, shape.right)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    linked = np.unique(np.concatenate([shape.left, shape.right]))
    # What both call a component has one anchor: the node that was seen first.
    order = np.argsort(shape.numbers)
    anchor = np.full(labels.max() + 1, -1)
    anchor[labels[order[::-1]]] = order[::-1]
    truth = pa.table({"node": linked, "anchor": anchor[labels[linked]]})
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.register("truth", truth)
        wrong, known, components = connection.execute(
            """
            select
                count(*) filter (where anchors.identifier_value is distinct from 'node-' || truth.anchor),
                count(*),
                count(distinct truth.anchor)
            from truth
            left join weft_identity.identity_nodes as nodes on nodes.identifier_value = 'node-' || truth.node
            left join weft_identity.identity_labels as labels on nodes.node_seq = labels.node_seq
            left join weft_identity.identity_nodes as anchors on labels.canonical_seq = anchors.node_seq
            """
        ).fetchall()[0]
        stray = connection.execute("select count(*) from weft_identity.identity_nodes").fetchall()[0][0] - known
    return {"components": components, "wrong": wrong + abs(stray)}
