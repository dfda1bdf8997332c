"""The identity graph as the last dbt run stored it, read a person or a component at a time and never whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from identity.greedy import DEFAULT, Edge, Refusal, Rules
from identity.tables import Tables

Pair = tuple[int, int]

_LISTED = 5_000  #: numbers in one list of a statement; Snowflake takes 16,384
_SIGHTING = """
select first_seen_at, last_seen_at, null as blocked_because from identity_map
where identifier_type = $kind and identifier_value = $value
union all
select first_seen_at, last_seen_at, blocked_because from identity_blocked
where identifier_type = $kind and identifier_value = $value
"""
# A killed run may have registered an identifier that has no label yet: it is a person of its own so far.
_NODE = """
select nodes.node_seq, nodes.identifier_type, nodes.identifier_value, labels.component_seq, labels.canonical_seq
from identity_nodes as nodes
left join identity_labels as labels on nodes.node_seq = labels.node_seq
where nodes.identifier_type = $kind and nodes.identifier_value = $value
"""
_SHARED = "select reason from identity_shared where node_seq = $node and reason is not null"
_MEMBERS = """
select nodes.node_seq, nodes.identifier_type, nodes.identifier_value, labels.component_seq, labels.canonical_seq
from identity_labels as labels
inner join identity_nodes as nodes on labels.node_seq = nodes.node_seq
where $chosen
"""
_NODES = """
select nodes.node_seq, nodes.identifier_type, nodes.identifier_value, labels.component_seq, labels.canonical_seq
from identity_nodes as nodes
left join identity_labels as labels on nodes.node_seq = labels.node_seq
where $chosen
"""
# An active edge never leaves a component, so one end tells.
_ACTIVE = """
select edges.a, edges.b, edges.rule, edges.first_seen_at, edges.weight
from identity_edges as edges
inner join identity_labels as labels on edges.a = labels.node_seq
where edges.is_active and $chosen
"""
_EVIDENCE = """
select a, b, rule, source, first_seen_at, last_seen_at, count_records, weight, is_active, inactive_reason
from identity_edges as edges
where $chosen
"""
_RECORDS = """
select a, b, source, record_id
from (
    select
        a, b, source, record_id,
        row_number() over (partition by a, b, source order by seen_at nulls last, record_id) as place
    from identity_pairs as pairs
    where $chosen
) as ranked
where place = 1
"""
# The links inside some persons: between two persons there are only refused ones.
_WITHIN = """
select distinct edges.a, edges.b
from identity_edges as edges
inner join identity_labels as labels on edges.a = labels.node_seq
inner join identity_labels as others on edges.b = others.node_seq
where edges.is_active and labels.canonical_seq = others.canonical_seq and $chosen
"""
_REFUSED = (
    "select a, b, limit_type, limit_max from identity_refusals as refusals where $chosen and limit_type <> 'included'"
)
_RULES = "select * from identity_rules where neighbour_type = 'any'"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier, its value normalised."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    def to_dict(self) -> dict[str, str]:
        """Return it as it is printed as JSON."""
        return {"identifier_type": self.kind, "identifier_value": self.value}


@dataclass(frozen=True, slots=True)
class Node:
    """A registered identifier.

    Attributes:
        seq: Its number.
        identifier: What it is.
        component: The number of the oldest identifier that active edges connect it to.
        person: The number of its person's oldest identifier.
    """

    seq: int
    identifier: Identifier
    component: int
    person: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one identifier.

    Attributes:
        identifier: What it is.
        node: Its place in the graph; None for one that was blocked at first sight.
        first_seen_at: When any source first mentioned it, in UTC; None when none does now.
        last_seen_at: When one last did.
        is_seen: Whether any source mentions it now.
        blocked_because: Why it stands for nobody; None for one that stands for somebody.
        shared_because: The rule that makes it a shared identifier; None for one that is not.
    """

    identifier: Identifier
    node: Node | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    is_seen: bool
    blocked_because: str | None
    shared_because: str | None

    @property
    def profile_id(self) -> str | None:
        """The public id of its person; None for an identifier that is nobody's."""
        return None if self.node is None or self.blocked_because is not None else profile_id(self.node.person)


def profile_id(node_seq: int) -> str:
    """Return the public id of the person whose oldest identifier has this number, as ``macros/identity`` makes it."""
    return hashlib.md5(f"weft:{node_seq}".encode(), usedforsecurity=False).hexdigest()


def find(tables: Tables, identifier: Identifier) -> Sighting | None:
    """Return what is known of an identifier, or None where no source ever mentioned it."""
    named = {"kind": identifier.kind, "value": identifier.value}
    seen, placed = tables.ask(_SIGHTING, **named), tables.tuples(_NODE, **named)
    if not seen and not placed:
        return None
    node = _node(placed[0]) if placed else None
    shared = tables.ask(_SHARED, node=node.seq) if node else []
    sighting = seen[0] if seen else {}
    return Sighting(
        identifier,
        node,
        sighting.get("first_seen_at"),
        sighting.get("last_seen_at"),
        bool(seen),
        sighting.get("blocked_because"),
        shared[0]["reason"] if shared else None,
    )


def components(tables: Tables, numbers: Iterable[int]) -> dict[int, Node]:
    """Return the identifiers of some components, by number."""
    return _read(tables, _MEMBERS, "component_seq", "labels", numbers)


def nodes(tables: Tables, numbers: Iterable[int]) -> dict[int, Node]:
    """Return some identifiers, by number."""
    return _read(tables, _NODES, "node_seq", "nodes", numbers)


def active_edges(tables: Tables, numbers: Iterable[int]) -> list[Edge]:
    """Return the active edges of some components."""
    return [
        Edge(*row)
        for chosen in any_of_many("component_seq", "labels", numbers)
        for row in tables.tuples(_ACTIVE, chosen=chosen)
    ]


def links_within(tables: Tables, persons: Iterable[int]) -> list[Pair]:
    """Return the pairs that link the identifiers of some persons, each person's own."""
    return [
        (row[0], row[1])
        for chosen in any_of_many("canonical_seq", "labels", persons)
        for row in tables.tuples(_WITHIN, chosen=chosen)
    ]


def evidence(tables: Tables, pairs: Sequence[Pair]) -> dict[Pair, list[dict[str, Any]]]:
    """Return every edge of some pairs with one record that states it, the oldest first; none for an exclude."""
    found: dict[Pair, list[dict[str, Any]]] = {pair: [] for pair in pairs}
    firsts: dict[tuple[int, int, str], str] = {}
    has_records = tables.has_column("identity_pairs", "record_id")
    for some in _some(sorted(found), _LISTED // 2):
        if has_records:
            for row in tables.ask(_RECORDS, chosen=_among("pairs", some)):
                firsts[row["a"], row["b"], row["source"]] = row["record_id"]
        for row in tables.ask(_EVIDENCE, chosen=_among("edges", some)):
            pair = row["a"], row["b"]
            if pair in found and row["rule"] != "exclude":
                # What a source no longer states has no record any more; another rule's edge never had one.
                stated = row["rule"] == "same_record"
                record = firsts.get((*pair, row["source"])) if stated else None
                found[pair].append({name: row[name] for name in row if name not in "ab"} | {"record_id": record})
    for edges in found.values():
        edges.sort(key=lambda edge: (not edge["is_active"], str(edge["first_seen_at"]), edge["rule"], edge["source"]))
    return found


def refused(tables: Tables, pairs: Sequence[Pair]) -> dict[Pair, Refusal]:
    """Return why each of some pairs was refused; pairs that were not are left out."""
    wanted = set(pairs)
    return {
        (row[0], row[1]): Refusal(*row)
        for some in _some(sorted(wanted), _LISTED // 2)
        for row in tables.tuples(_REFUSED, chosen=_among("refusals", some))
        if (row[0], row[1]) in wanted
    }


def rules(tables: Tables) -> Rules:
    """Return the rules in force at the last dbt run."""
    rows = tables.ask(_RULES)
    return Rules(
        {row["identifier_type"]: row["priority"] for row in rows} or {DEFAULT: 0},
        {row["identifier_type"]: row.get("max_per_person") for row in rows},
    )


def any_of_many(column: str, table: str, numbers: Iterable[int]) -> Iterator[exp.Expr]:
    """Yield conditions that a column is one of some numbers, so many a time as one statement takes."""
    for some in _some(sorted(set(numbers)), _LISTED):
        yield exp.column(column, table=table).isin(*some)


def _some(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _among(table: str, pairs: Sequence[Pair]) -> exp.Expr:
    """Return a condition that holds for every one of the pairs, and for few others."""
    ends = zip(*pairs, strict=True)
    return exp.and_(
        *(exp.column(name, table=table).isin(*sorted(set(end))) for name, end in zip("ab", ends, strict=True))
    )


def _read(tables: Tables, sql: str, column: str, table: str, numbers: Iterable[int]) -> dict[int, Node]:
    rows = (row for chosen in any_of_many(column, table, numbers) for row in tables.tuples(sql, chosen=chosen))
    return {node.seq: node for node in map(_node, rows)}


def _node(row: Sequence[Any]) -> Node:
    seq, kind, value, component, person = row
    own = int(seq)
    return Node(own, Identifier(kind, value), int(component or own), int(person or component or own))
