"""One pass over the steps of the benchmark: a full build, then what later days bring, then limits."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.identity.competitors import WAYS
from benchmarks.identity.graph import Graph, publish, withdraw
from benchmarks.identity.through_dbt import Build, dbt, reason, run

_STITCHING = tuple(f"+identity_{each}" for each in ("map", "scanned", "batches", "changes", "refusals", "aliases"))
_QUIETLY = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
#: What the measured builds run: all that identity publishes and remembers, and what it reads of the pack.
BUILD = ("build", *_QUIETLY, "--select", *_STITCHING)
#: What reports on it, and is measured once, by itself.
_REPORTS = ("run", "--select", "path:models/identity", "--exclude", *_STITCHING)
FULL = "full"
_PACK = {"WEFT_PACKS": "benchmarks/identity/pack"}
_SOURCES = {"bench": ["identifiers"]}
_DAYS = {"no news": 0.0, "+0.01 %": 0.0001, "+1 %": 0.01, "+10 %": 0.1}
_WITHDRAWN, _LIMITS = "0.1 % withdrawn", "limits"
STEPS = (FULL, *_DAYS, _WITHDRAWN, _LIMITS)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the steps.

    Attributes:
        graph: What is built.
        home: A folder for all that the pass makes.
        memory: DuckDB's memory limit in its own words; none for its default.
        parts: The project's variable identity_parts; none for its default.
    """

    graph: Graph
    home: Path
    memory: str | None = None
    parts: int | None = None

    @property
    def _warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    def steps(self, wanted: Collection[str] = STEPS) -> Iterator[tuple[str, dict[str, Any]]]:
        """Runs the full build and every wanted step, and yields its title and what it took as soon as it is done."""
        raw = self.home / "raw"
        self.graph.write(raw)
        full = self._build(raw)
        yield FULL, full if self.memory else {**full, "reports": self._dbt(*_REPORTS).busy()}
        known = self.graph.people
        for day, (title, share) in enumerate(_DAYS.items(), start=1):
            if title in wanted:
                if share:
                    known = self.graph.add(raw, day, share, known)
                yield title, self._build(raw)
        if _WITHDRAWN in wanted:
            withdraw(raw, 1000)
            yield _WITHDRAWN, self._build(raw)
        if _LIMITS in wanted:
            yield _LIMITS, self._build(raw, limit=1)

    def _build(self, raw: Path, limit: int | None = None) -> dict[str, Any]:
        publish(raw, self._warehouse)
        took = as_dict(self._dbt(*BUILD, limit=limit))
        return {**took, **self._found(), "file_mib": self._warehouse.stat().st_size / 2**20}

    def _dbt(self, *arguments: str, limit: int | None = None) -> Build:
        variables: dict[str, object] = {"sources": _SOURCES, "identity_rules": self.graph.rules(limit)}
        if self.parts:
            variables["identity_parts"] = self.parts
        memory = {"WEFT_BENCH_MEMORY": self.memory} if self.memory else {}
        return dbt(self.home, *arguments, variables=variables, environment={**_PACK, **memory})

    def _found(self) -> dict[str, int]:
        with duckdb.connect(str(self._warehouse), read_only=True) as connection:
            connection.execute("use weft_identity")
            cursor = connection.execute(
                """
                with accounts as (
                    select component_seq, canonical_seq, count(*) as accounts
                    from identity_labels inner join identity_nodes using (node_seq)
                    where identifier_type = 'user_id'
                    group by component_seq, canonical_seq
                )

                select
                    (select count(*) from raw_bench.identifiers) as mentions,
                    (select count(*) from identity_nodes) as nodes,
                    (select count(*) from identity_edges) as edges,
                    (select count(*) from identity_edges where is_active) as active,
                    (select count(distinct component_seq) from identity_labels) as components,
                    (select count(distinct profile_id) from identity_map) as profiles,
                    (
                        select count(*) from (
                            select component_seq from accounts group by component_seq having sum(accounts) > 1
                        )
                    ) as violating,
                    (select count(*) from accounts where accounts > 1) as people_over
                """
            )
            names = [column[0] for column in cursor.description or ()]
            [row] = cursor.fetchall()
            return {**dict(zip(names, row, strict=True)), "wrong": _wrong(connection)}

    def competitors(self, wanted: Collection[str] = tuple(WAYS)) -> Iterator[tuple[str, dict[str, Any]]]:
        """Solves the graph that was built last in the other ways that are wanted, each in a process of its own."""
        alone = self.home / "alone.duckdb"
        _copy_pairs(self._warehouse, alone)
        for how in wanted:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            try:
                ran = run(["-W", "ignore", "-m", "benchmarks.identity.competitors", how, str(alone)], environment)
            except RuntimeError as error:
                yield how, {"failed": reason(error)}
                continue
            took = json.loads(ran.output.strip().splitlines()[-1])
            yield how, {**took, "peak_mib": ran.peak_mib, "differ": _differences(self._warehouse, alone, how)}
        alone.unlink()


def as_dict(build: Build) -> dict[str, Any]:
    """What is kept of a build."""
    identity = {model: seconds for model, seconds in build.models.items() if model.startswith("identity_")}
    statements = build.count()
    return {
        "models": identity,
        "stitching": build.busy(),
        "staging": build.busy(prefix="identifiers") + build.busy(prefix="stg_bench"),
        "process": build.seconds,
        "peak_mib": build.peak_mib,
        "statements": sum(count for model, count in statements.items() if model.startswith("identity_")),
        "rounds": {model: list(rounds) for model, rounds in build.rounds.items()},
    }


def _copy_pairs(warehouse: Path, alone: Path) -> None:
    alone.unlink(missing_ok=True)
    with duckdb.connect(str(alone)) as connection:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        connection.execute(
            """
            create table pairs as
            select distinct edges.a, edges.b, one.identifier_value as value_a, other.identifier_value as value_b
            from warehouse.weft_identity.identity_edges as edges
            inner join warehouse.weft_identity.identity_nodes as one on edges.a = one.node_seq
            inner join warehouse.weft_identity.identity_nodes as other on edges.b = other.node_seq
            where edges.is_active
            """
        )


def _wrong(connection: duckdb.DuckDBPyConnection) -> int:
    """How many identifiers have another component than scipy finds for the active edges that are stored."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = connection.execute("select a, b from identity_edges where is_active").fetchnumpy()
    labels = connection.execute("select node_seq, component_seq from identity_labels").fetchnumpy()
    nodes = labels["node_seq"]
    size = int(nodes.max(initial=0)) + 1
    graph = coo_array((np.ones(len(edges["a"]), np.int8), (edges["a"], edges["b"])), shape=(size, size))
    found = connected_components(graph, directed=False)[1]
    oldest = np.empty(size, nodes.dtype)
    oldest[found[::-1]] = np.arange(size)[::-1]  # the last to be written is the smallest number
    return int(np.count_nonzero(oldest[found[nodes]] != labels["component_seq"]))


def _differences(warehouse: Path, alone: Path, how: str) -> int:
    """How many components one of the two has and the other has not, among identifiers that are linked at all."""
    node = "nodes.identifier_value" if how.endswith("strings") else "nodes.node_seq"
    with duckdb.connect(str(alone)) as connection:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        counts = connection.execute(
            f"""
            with both_labels as (
                select mine.component_seq, theirs.label
                from warehouse.weft_identity.identity_labels as mine
                inner join warehouse.weft_identity.identity_nodes as nodes on mine.node_seq = nodes.node_seq
                inner join labels as theirs on {node} = theirs.node
            )

            select
                2 * (select count(*) from (select distinct component_seq, label from both_labels)),
                (select count(distinct component_seq) from both_labels),
                (select count(distinct label) from both_labels),
                (select count(*) from labels) - (select count(*) from both_labels)
            """
        ).fetchall()[0]
    return int(counts[0] - counts[1] - counts[2] + counts[3])


def medians(passes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of every number in dictionaries of one shape; what is no number is the last one's."""
    merged: dict[str, Any] = {}
    for key, value in passes[-1].items():
        values = [each[key] for each in passes if key in each]
        if isinstance(value, Mapping):
            merged[key] = medians(values)
        elif isinstance(value, int | float):
            merged[key] = sorted(values)[len(values) // 2]
        else:
            merged[key] = value
    return merged
