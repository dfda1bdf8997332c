"""Decisions by hand that two identifiers are one person, or are not: read, checked, written and undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from sqlglot import exp

from identity.graph import Identifier, Node, any_of_many, find
from identity.tables import Tables
from warehouse.errors import ConfigError

Kind = Literal["include", "exclude"]

# The places in the graph are those of the last dbt run; an identifier that no source mentioned yet has none.
_DECISIONS = """
select
    overrides.override_id, overrides.kind, overrides.type_a, overrides.value_a, overrides.type_b, overrides.value_b,
    overrides.because, overrides.decided_by, overrides.decided_at, overrides.undone_by, overrides.undone_at,
    left_node.node_seq as seq_a, left_label.component_seq as component_a, left_label.canonical_seq as person_a,
    right_node.node_seq as seq_b, right_label.component_seq as component_b, right_label.canonical_seq as person_b,
    left_blocked.blocked_because is not null or right_blocked.blocked_because is not null as is_blocked
from identity_overrides as overrides
left join identity_nodes as left_node
    on overrides.type_a = left_node.identifier_type and overrides.value_a = left_node.identifier_value
left join identity_nodes as right_node
    on overrides.type_b = right_node.identifier_type and overrides.value_b = right_node.identifier_value
left join identity_labels as left_label on left_node.node_seq = left_label.node_seq
left join identity_labels as right_label on right_node.node_seq = right_label.node_seq
left join identity_blocked as left_blocked
    on overrides.type_a = left_blocked.identifier_type and overrides.value_a = left_blocked.identifier_value
left join identity_blocked as right_blocked
    on overrides.type_b = right_blocked.identifier_type and overrides.value_b = right_blocked.identifier_value
where $chosen
order by overrides.decided_at, overrides.override_id
"""
_WRITE = """
insert into identity_overrides
    (override_id, kind, type_a, value_a, type_b, value_b, because, decided_by, decided_at)
values (
    $override_id, $kind, $type_a, $value_a, $type_b, $value_b, $because, $decided_by, cast($decided_at as timestamp)
)
"""
_UNDO = """
update identity_overrides set undone_by = $undone_by, undone_at = cast($undone_at as timestamp)
where override_id = $override_id and undone_at is null
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision by hand.

    Attributes:
        override_id: Its id.
        kind: ``include`` or ``exclude``.
        a: One identifier.
        b: The other.
        because: The reason that was given.
        decided_by: Who decided.
        decided_at: When, in UTC.
        undone_by: Who undid it; None while it is in force.
        undone_at: When it was undone, in UTC.
        node_a: The place of ``a`` in the graph; None before any source mentioned it.
        node_b: That of ``b``.
        is_blocked: Whether one of the two stands for nobody, so that it cannot link.
    """

    override_id: str
    kind: Kind
    a: Identifier
    b: Identifier
    because: str
    decided_by: str
    decided_at: datetime
    undone_by: str | None = None
    undone_at: datetime | None = None
    node_a: Node | None = None
    node_b: Node | None = None
    is_blocked: bool = False

    @property
    def pair(self) -> frozenset[Identifier]:
        """The two identifiers, in no order."""
        return frozenset((self.a, self.b))

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "override_id": self.override_id,
            "kind": self.kind,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "because": self.because,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "undone_by": self.undone_by,
            "undone_at": self.undone_at,
        }


def new_id(at: datetime) -> str:
    """Return an id for a decision: short enough to type, and it sorts by day."""
    return f"{at:%Y%m%d}-{uuid4().hex[:8]}"


def listed(tables: Tables, *, undone: bool = False) -> list[Decision]:
    """Return the decisions in force, or with ``undone`` all that were ever made, the oldest first."""
    return _read(tables, exp.true() if undone else _in_force())


def concerning(tables: Tables, persons: Iterable[int]) -> list[Decision]:
    """Return the decisions in force about identifiers of some persons, the oldest first."""
    found: dict[str, Decision] = {}
    for chosen in any_of_many("canonical_seq", "left_label", persons):
        other = exp.column("canonical_seq", table="right_label").isin(*chosen.expressions)
        found |= {each.override_id: each for each in _read(tables, exp.and_(_in_force(), exp.or_(chosen, other)))}
    return sorted(found.values(), key=lambda each: (each.decided_at, each.override_id))


def one(tables: Tables, override_id: str) -> Decision:
    """Return the decision with an id.

    Raises:
        ConfigError: There is none, or it was undone before.
    """
    found = _read(tables, exp.column("override_id", table="overrides").eq(override_id))
    if not found:
        raise ConfigError(
            "There is no decision with that id.",
            where="identity_overrides",
            fix="`weft identity overrides` lists those in force.",
        )
    if found[0].undone_at is not None:
        raise ConfigError(
            f"That decision was undone on {found[0].undone_at:%Y-%m-%d} by {found[0].undone_by}.",
            where=f"identity_overrides, {override_id}",
            fix="To bring it back, decide again.",
        )
    return found[0]


def check(tables: Tables, decision: Decision, *, unseen: bool = False) -> Decision:
    """Return a new decision with the places of its identifiers in the graph.

    Args:
        tables: The stored graph.
        decision: What is to be decided.
        unseen: Whether an identifier that no source mentioned yet is taken too.

    Raises:
        ConfigError: The two are one identifier, nobody has one of them, an include names a blocked value, or the same
            decision is in force.
    """
    if decision.a == decision.b:
        raise ConfigError(
            "Both are the same identifier.", where="the arguments", fix="Name two that are, or are not, one person."
        )
    places: list[Node | None] = []
    blocked = False
    for position, identifier in (("first", decision.a), ("second", decision.b)):
        known = find(tables, identifier)
        if known is None and not unseen:
            raise ConfigError(
                f"Nobody has the {position} identifier, of type {identifier.kind!r}.",
                where="identity_map",
                fix="Check it. To decide before any source mentions it, add --unseen.",
            )
        if known is not None and known.blocked_because and decision.kind == "include":
            raise ConfigError(
                f"The {position} identifier is blocked ({known.blocked_because}), and a blocked value links nobody.",
                where="seeds/blocked_identifiers.csv",
                fix="If it is a person's after all, take its pattern out of that file and run `dbt build`.",
            )
        places.append(known.node if known else None)
        blocked = blocked or bool(known and known.blocked_because)
    for standing in listed(tables):
        if standing.pair == decision.pair and standing.kind == decision.kind:
            raise ConfigError(
                f"That is decided already: {standing.override_id}, by {standing.decided_by} on "
                f"{standing.decided_at:%Y-%m-%d}.",
                where=f"identity_overrides, {standing.override_id}",
                fix=f"`weft identity undo {standing.override_id}` takes it back.",
            )
    return replace(decision, node_a=places[0], node_b=places[1], is_blocked=blocked)


def write(tables: Tables, decision: Decision) -> None:
    """Write a decision. It takes effect with the next dbt run."""
    tables.run(
        _WRITE,
        override_id=decision.override_id,
        kind=decision.kind,
        type_a=decision.a.kind,
        value_a=decision.a.value,
        type_b=decision.b.kind,
        value_b=decision.b.value,
        because=decision.because,
        decided_by=decision.decided_by,
        decided_at=decision.decided_at,
    )


def undo(tables: Tables, override_id: str, by: str, at: datetime) -> None:
    """Take a decision back; its row stays. It takes effect with the next dbt run.

    Raises:
        ConfigError: There is none in force with that id.
    """
    one(tables, override_id)
    tables.run(_UNDO, override_id=override_id, undone_by=by, undone_at=at)


def _in_force() -> exp.Expr:
    return exp.column("undone_at", table="overrides").is_(exp.null())


def _read(tables: Tables, chosen: exp.Expr) -> list[Decision]:
    return [
        Decision(
            row["override_id"],
            row["kind"],
            a := Identifier(row["type_a"], row["value_a"]),
            b := Identifier(row["type_b"], row["value_b"]),
            row["because"],
            row["decided_by"],
            row["decided_at"],
            row["undone_by"],
            row["undone_at"],
            _place(a, row["seq_a"], row["component_a"], row["person_a"]),
            _place(b, row["seq_b"], row["component_b"], row["person_b"]),
            bool(row["is_blocked"]),
        )
        for row in tables.ask(_DECISIONS, chosen=chosen)
    ]


def _place(identifier: Identifier, seq: int | None, component: int | None, person: int | None) -> Node | None:
    return None if seq is None else Node(seq, identifier, component or seq, person or component or seq)
