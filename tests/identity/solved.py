"""The solving models on their own: the registry and the edges are tables that a test writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .conftest import IdentityProject, new_project
from .greedy import Edge, Refusal

#: What solves, from the registry and the edges to the aliases.
MODELS = [
    *("identity_rules", "identity_nodes", "identity_edges", "identity_moves", "identity_changes"),
    *("identity_refusals", "identity_labels", "identity_aliases"),
]
NODES = "create or replace table raw.nodes (node_seq bigint, identifier_type varchar, identifier_value varchar)"
EDGES = (
    "create or replace table raw.edges (a bigint, b bigint, rule varchar, source varchar, first_seen_at timestamp, "
    "last_seen_at timestamp, count_records bigint, weight double precision, is_active boolean, "
    "inactive_reason varchar, batch bigint)"
)
#: A batch is finished when everything of it is written.
BATCHES = """
-- depends_on: {{ ref('identity_aliases') }}
with written as (
    select batch from {{ ref('identity_labels') }}
    union all
    select batch from {{ ref('identity_refusals') }}
    union all
    select batch from {{ ref('identity_edges') }}
)

select max(batch) as batch, '{{ rules_hash() }}' as rules_hash from written
"""


def rules(limits: Mapping[str, int], priorities: Mapping[str, int]) -> dict[str, Any]:
    """The var identity_rules for these limits."""
    given: dict[str, Any] = {kind: {"priority": priority} for kind, priority in priorities.items()}
    for kind, limit in limits.items():
        given[kind]["limit"] = limit
    return {"default": {"priority": 99}, **given}


class Solver:
    """A project whose graph a test states, edge by edge."""

    def __init__(
        self, folder: Path, given_rules: Mapping[str, Any], snowflake: Mapping[str, str] | None = None
    ) -> None:
        self.project: IdentityProject = new_project(folder, snowflake)
        self.variables: dict[str, object] = {"identity_rules": dict(given_rules)}
        self.batch = 0
        self.stored: dict[tuple[int, int, str, str], tuple[Any, ...]] = {}
        for name, columns in (("nodes", "*, timestamp '2026-01-01' as first_seen_at"), ("edges", "*")):
            model = folder / "models" / "identity" / f"identity_{name}"
            model.with_suffix(".sql").write_text(f"select {columns} from raw.{name}\n")
            model.with_suffix(".yml").unlink()
        (folder / "models" / "identity" / "identity_batches.sql").write_text(BATCHES)

    def write(self, types: Mapping[int, str], edges: Iterable[Edge]) -> None:
        """States the graph of the next batch: what is no longer stated is withdrawn, what changed is news."""
        self.batch += 1
        now = {(edge.a, edge.b, edge.rule, edge.source): edge for edge in edges}
        for key in now.keys() | self.stored.keys():
            edge = now.get(key)
            is_active = edge is not None and edge.is_active
            reason = None if is_active else "withdrawn" if edge is None else "excluded"
            seen_at, weight = (edge.seen_at, edge.weight) if edge else self.stored[key][:2]
            if self.stored.get(key, ())[:4] != (seen_at, weight, is_active, reason):
                self.stored[key] = (seen_at, weight, is_active, reason, self.batch)
        rows = [
            f"({a}, {b}, '{rule}', '{source}', {_moment(seen)}, {_moment(seen)}, 1, {weight}, {active}, "
            f"{_text(reason)}, {batch})"
            for (a, b, rule, source), (seen, weight, active, reason, batch) in self.stored.items()
        ]
        nodes = [f"({node}, '{kind}', '{node}')" for node, kind in types.items()]
        self.project.execute(NODES, *_inserts("raw.nodes", nodes), EDGES, *_inserts("raw.edges", rows))

    def solve(self, *arguments: str, finish: bool = True) -> str:
        """Runs the models, and ends the batch unless the run is to count as killed. Returns what dbt printed."""
        select = ("--select", *MODELS, *(["identity_batches"] if finish else []))
        return self.project.dbt("run", *select, *arguments, variables=self.variables).stdout

    def people(self) -> dict[int, int]:
        """The oldest node of the person that each node belongs to."""
        rows = self.project.execute("select node_seq, canonical_seq from weft_identity.identity_labels")
        return {int(node): int(person) for node, person in rows}

    def refusals(self) -> set[Refusal]:
        """What is refused, and by what."""
        rows = self.project.execute(
            "select a, b, rule, source, limit_type, limit_max from weft_identity.identity_refusals"
        )
        return {(a, b, rule, source, kind, limit) for a, b, rule, source, kind, limit in rows}


def _inserts(table: str, rows: list[str]) -> list[str]:
    return [
        f"insert into {table} values {', '.join(rows[start : start + 10000])}" for start in range(0, len(rows), 10000)
    ]


def _moment(moment: datetime | None) -> str:
    return f"timestamp '{moment}'" if moment else "null"


def _text(text: str | None) -> str:
    return f"'{text}'" if text else "null"
