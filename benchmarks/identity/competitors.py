"""Other ways to the components of the same graph: from a table of pairs in a DuckDB file to a table of labels there.

``python -m benchmarks.identity.competitors HOW FILE`` finds the components of ``pairs`` (whole numbers a and b, and the
identifiers value_a and value_b that they stand for) and prints as JSON what it took. The run script starts each in a
process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from benchmarks.identity.contraction import contract

Way = Callable[[duckdb.DuckDBPyConnection], Mapping[str, int]]


def contraction_numbers(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """The bare contraction of numbers that are there already."""
    done = contract(connection, "pairs", "labels")
    return {"rounds": done.rounds, "statements": done.statements}


def contraction_strings(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """The bare contraction of identifiers: number them, map the pairs, contract, map back."""
    connection.execute(
        "create temp table registry as select row_number() over () as node, value from "
        "(select value_a as value from pairs union select value_b from pairs)"
    )
    connection.execute(
        "create temp table numbered as select one.node as a, other.node as b from pairs "
        "inner join registry as one on pairs.value_a = one.value "
        "inner join registry as other on pairs.value_b = other.value"
    )
    done = contract(connection, "numbered", "numbers")
    connection.execute(
        "create or replace table labels as select registry.value as node, numbers.label from numbers "
        "inner join registry on numbers.node = registry.node"
    )
    connection.execute("drop table numbers")
    return {"rounds": done.rounds, "statements": done.statements + 3}


def splink_numbers(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Splink's clustering of numbers, with the table of nodes that it needs."""
    return _splink(connection, "a", "b", "bigint")


def splink_strings(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Splink's clustering of identifiers, with the table of nodes that it needs."""
    return _splink(connection, "value_a", "value_b", "varchar")


def scipy_numbers(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """What scipy takes end to end from dense numbers: export, solve, load back."""
    import numpy as np

    pairs = connection.execute("select a, b from pairs").fetchnumpy()
    size = int(max(pairs["a"].max(), pairs["b"].max())) + 1
    labels = _components(size, pairs["a"], pairs["b"])
    nodes = np.unique(np.concatenate([pairs["a"], pairs["b"]]))
    _load(connection, nodes, labels[nodes])
    return {}


def scipy_strings(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """What scipy takes end to end from identifiers: export, number, solve, load back."""
    import numpy as np
    import pyarrow as pa

    pairs: Any = connection.execute("select value_a, value_b from pairs").to_arrow_table()
    both = pa.chunked_array([*pairs["value_a"].chunks, *pairs["value_b"].chunks]).cast(pa.large_string())
    numbered = both.combine_chunks().dictionary_encode()
    codes = numbered.indices.to_numpy()
    count = pairs.num_rows
    labels = _components(len(numbered.dictionary), codes[:count], codes[count:])
    _load(connection, numbered.dictionary, np.asarray(labels))
    return {}


def _components(size: int, left: Any, right: Any) -> Any:
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def _load(connection: duckdb.DuckDBPyConnection, nodes: Any, labels: Any) -> None:
    import pyarrow as pa

    connection.register("solved", pa.table({"node": nodes, "label": labels}))
    connection.execute("create or replace table labels as from solved")
    connection.unregister("solved")


def _splink(connection: duckdb.DuckDBPyConnection, left: str, right: str, kind: str) -> Mapping[str, int]:
    import logging

    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    rounds: list[str] = []

    class _Rounds(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "iteration" in record.getMessage().lower():
                rounds.append(record.getMessage())

    logger = logging.getLogger("splink.internals.connected_components")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Rounds())
    connection.execute(
        f"create or replace table nodes as select cast({left} as {kind}) as node from pairs "
        f"union select {right} from pairs"
    )
    connection.execute(f"create or replace view links as select {left} as node_l, {right} as node_r from pairs")
    clustered = cluster_pairwise_predictions_at_threshold(
        "nodes", "links", DuckDBAPI(connection=connection), node_id_column_name="node"
    )
    connection.execute(
        f"create or replace table labels as select node, cluster_id as label from {clustered.physical_name}"
    )
    return {"rounds": len(rounds)}


WAYS: Mapping[str, tuple[str, Way]] = {
    "contraction-strings": ("bare contraction, identifiers to labels", contraction_strings),
    "contraction-numbers": ("bare contraction, numbers ready", contraction_numbers),
    "splink-strings": ("Splink, identifiers to labels", splink_strings),
    "splink-numbers": ("Splink, numbers ready", splink_numbers),
    "scipy-strings": ("scipy, identifiers to labels", scipy_strings),
    "scipy-numbers": ("scipy, numbers ready", scipy_numbers),
}


def main(how: str, file: str) -> None:
    """Solves the file's graph in the named way and prints what it took, imports apart."""
    if how.startswith("splink"):
        import splink  # noqa: F401 (seconds that are not Splink's work on the graph)
    if how.startswith("scipy"):
        import scipy.sparse.csgraph  # noqa: F401
    with duckdb.connect(file) as connection:
        begun = time.perf_counter()
        took = WAYS[how][1](connection)
        seconds = time.perf_counter() - begun
        [(labels, components)] = connection.execute("select count(*), count(distinct label) from labels").fetchall()
    print(json.dumps({"seconds": seconds, "nodes": labels, "components": components, **took}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
