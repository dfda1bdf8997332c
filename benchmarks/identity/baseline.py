"""The obvious way to the same labels, to compare with: one recursive query that passes the smallest number on.

``python -m benchmarks.identity.baseline WAREHOUSE`` solves the active edges of a built warehouse, writes nothing, and
prints as JSON how many seconds that took and how many labels differ from the warehouse's own (none should).
"""

from __future__ import annotations

import json
import sys
import time

import duckdb

SOLVE = """
create temporary table solved as
with recursive components(node, root) using key (node) as (
    select node_seq, node_seq from weft_identity.identity_nodes
    union
    select links.other, min(components.root)
    from components
    inner join links on components.node = links.node
    inner join recurring.components as known on links.other = known.node
    where components.root < known.root
    group by links.other
)
select * from components
"""


def main() -> None:
    """Solves the graph of the warehouse that the command line names."""
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        connection.execute("set threads = 2")  # as in profiles.yml
        connection.execute(
            "create temporary table links as "
            "select a as node, b as other from weft_identity.identity_edges where is_active "
            "union all select b, a from weft_identity.identity_edges where is_active"
        )
        started = time.perf_counter()
        connection.execute(SOLVE)
        seconds = time.perf_counter() - started
        row = connection.execute(
            "select count(*) from weft_identity.identity_labels as labels "
            "full join solved on labels.node_seq = solved.node where labels.canonical_seq is distinct from solved.root"
        ).fetchone()
    assert row
    print(json.dumps({"seconds": seconds, "differences": row[0]}))


if __name__ == "__main__":
    main()
