"""The bare contraction: the statements of the identity models' loop in plain DuckDB, without dbt and without evidence.

It stands for the least that finding the components of a graph can cost in SQL: the models are compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

#: A round that leaves a larger share of the edges is followed by one that looks at the smallest neighbour.
_STUBBORN = 0.6
_MOST_DOUBLINGS = 24


@dataclass(frozen=True, slots=True)
class Contracted:
    """What a contraction took.

    Attributes:
        rounds: Times that the graph was contracted.
        statements: Statements in all.
    """

    rounds: int
    statements: int


def contract(connection: duckdb.DuckDBPyConnection, edges: str, labels: str) -> Contracted:
    """Labels every node of a graph with the smallest node that it is connected to.

    Args:
        connection: An open database.
        edges: The table of the graph, with whole numbers a and b.
        labels: The table to make, with node and label.
    """
    left = _count(connection.execute(f"select count(*) from {edges}"))
    graph, doublings, stubborn, number = edges, 2, False, 0
    while left:
        connection.execute(f"create temp table pointers_{number} as {_pointers(graph, doublings, stubborn)}")
        contracted = f"graph_{number + 1}"
        after = _count(
            connection.execute(
                f"create temp table {contracted} as select distinct least(one.parent, other.parent) as a, "
                f"greatest(one.parent, other.parent) as b from {graph} as edges "
                f"inner join pointers_{number} as one on edges.a = one.node "
                f"inner join pointers_{number} as other on edges.b = other.node where one.parent <> other.parent"
            )
        )
        if number:
            connection.execute(f"drop table {graph}")
        stubborn = after > _STUBBORN * left
        doublings = min(2 * doublings, _MOST_DOUBLINGS) if stubborn else 2
        graph, left, number = contracted, after, number + 1
    connection.execute(f"create or replace table {labels} as {_roots(number)}")
    for each in range(number):
        connection.execute(f"drop table pointers_{each}")
    return Contracted(number, 2 * number + 1)


def _count(answered: duckdb.DuckDBPyConnection) -> int:
    row = answered.fetchone()
    return int(row[0]) if row else 0


def _pointers(graph: str, doublings: int, stubborn: bool) -> str:
    smallest = (
        f"smallest as (select node, min(neighbour) as neighbour from (select a as node, b as neighbour "
        f"from {graph} union all select b, a from {graph}) group by node)"
    )
    parents = (
        "select mine.node, case when theirs.neighbour = mine.node and mine.node < mine.neighbour then mine.node "
        "else mine.neighbour end as parent from smallest as mine "
        "inner join smallest as theirs on mine.neighbour = theirs.node"
        if stubborn
        else "select node, least(node, neighbour) as parent from smallest"
    )
    steps = [smallest, f"step_0 as ({parents})"]
    steps += [
        f"step_{each + 1} as (select child.node, parent.parent from step_{each} as child "
        f"inner join step_{each} as parent on child.parent = parent.node)"
        for each in range(doublings)
    ]
    return f"with {', '.join(steps)} from step_{doublings}"


def _roots(rounds: int) -> str:
    if not rounds:
        return "select cast(0 as bigint) as node, cast(0 as bigint) as label where false"
    reached, joins = "pointers_0.parent", ""
    for each in range(1, rounds):
        joins += f" left join pointers_{each} on pointers_{each}.node = {reached}"
        reached = f"coalesce(pointers_{each}.parent, {reached})"
    return f"select pointers_0.node, {reached} as label from pointers_0{joins}"
