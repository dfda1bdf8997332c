"""What the next dbt run would make of a decision by hand, worked out before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from identity import overrides
from identity.graph import Node, active_edges, components, profile_id, rules
from identity.greedy import INCLUDE, Edge, Exclusion, Refusal, Rules, Solution, solve
from identity.overrides import Decision
from identity.tables import Tables


@dataclass(frozen=True, slots=True)
class Move:
    """An identifier that goes from one person to another."""

    node: Node
    profile_from: str
    profile_into: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom the decision touches.

    Attributes:
        profile_id: The public id.
        fate: ``stays``, ``appears`` or ``vanishes``.
        before: How many identifiers there would be without the decision.
        after: And how many with it.
    """

    profile_id: str
    fate: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a decision changes, on the data of the last dbt run.

    Attributes:
        nodes: All identifiers of the components that it touches, by number.
        moves: The identifiers that change person.
        persons: The persons who lose or get identifiers.
        refused: The links that would be refused and are not without it.
        freed: The links that are refused without it and would not be.
        overruled: The decisions in force that would have no effect, because later ones say otherwise.
        waiting: Whether the next run changes these people even without the decision.
    """

    nodes: Mapping[int, Node]
    moves: Sequence[Move]
    persons: Sequence[Person]
    refused: Sequence[Refusal]
    freed: Sequence[Refusal]
    overruled: Sequence[Decision]
    waiting: bool


def of_new(tables: Tables, decision: Decision) -> Effect:
    """Return what a new decision would change."""
    standing = overrides.listed(tables)
    return _effect(tables, decision, standing, [*standing, decision])


def of_undoing(tables: Tables, decision: Decision) -> Effect:
    """Return what it would change to take a decision in force back."""
    standing = overrides.listed(tables)
    return _effect(tables, decision, standing, [each for each in standing if each.override_id != decision.override_id])


def _effect(tables: Tables, decision: Decision, before: Sequence[Decision], after: Sequence[Decision]) -> Effect:
    ends = [node for node in (decision.node_a, decision.node_b) if node is not None]
    touched = _touched({node.component for node in ends}, [*before, decision])
    nodes = components(tables, touched) | {node.seq: node for node in ends}
    stated = [edge for edge in active_edges(tables, touched) if edge.rule != INCLUDE]
    law = rules(tables)
    old, new = (_solve(nodes, stated, decisions, law) for decisions in (before, after))
    was, will = set(old.refusals), set(new.refusals)
    return Effect(
        nodes,
        [
            Move(node, profile_id(old.person[seq]), profile_id(new.person[seq]))
            for seq, node in sorted(nodes.items())
            if old.person[seq] != new.person[seq]
        ],
        _persons(old, new),
        [each for each in new.refusals if each not in was],
        [each for each in old.refusals if each not in will],
        [each for each in after if _is_overruled(each, new)],
        any(old.person[seq] != node.person for seq, node in nodes.items()),
    )


def _touched(first: set[int], decisions: Iterable[Decision]) -> set[int]:
    """Return the components that can become one with some others by way of includes, those included."""
    touched, waiting = set(first), [each for each in decisions if each.kind == INCLUDE and not each.is_blocked]
    growing = True
    while growing:
        growing = False
        for each in waiting:
            ends = {node.component for node in (each.node_a, each.node_b) if node is not None}
            if ends & touched and not ends <= touched:
                touched |= ends
                growing = True
    return touched


def _solve(nodes: Mapping[int, Node], stated: Sequence[Edge], decisions: Iterable[Decision], law: Rules) -> Solution:
    edges, exclusions = list(stated), []
    for each in decisions:
        if each.node_a is None or each.node_b is None:
            continue
        a, b = sorted((each.node_a.seq, each.node_b.seq))
        if a not in nodes or b not in nodes:
            continue
        if each.kind != INCLUDE:
            exclusions.append(Exclusion(a, b, each.decided_at))
        elif not each.is_blocked:
            edges.append(Edge(a, b, INCLUDE, each.decided_at))
    return solve({seq: node.identifier.kind for seq, node in nodes.items()}, edges, exclusions, law)


def _persons(old: Solution, new: Solution) -> list[Person]:
    """Return the persons whose identifiers are not the same as before."""
    changed = {
        person
        for seq in old.person
        if old.person[seq] != new.person[seq]
        for person in (old.person[seq], new.person[seq])
    }
    sizes = [dict.fromkeys(changed, 0), dict.fromkeys(changed, 0)]
    for size, solution in zip(sizes, (old, new), strict=True):
        for person in solution.person.values():
            if person in changed:
                size[person] += 1
    return [
        Person(
            profile_id(person),
            "vanishes" if not sizes[1][person] else "stays" if sizes[0][person] else "appears",
            sizes[0][person],
            sizes[1][person],
        )
        for person in sorted(changed)
    ]


def _is_overruled(decision: Decision, solution: Solution) -> bool:
    """Tell whether two identifiers are not what a decision in force says they are."""
    a, b = (solution.person.get(node.seq) if node else None for node in (decision.node_a, decision.node_b))
    if a is None or b is None or decision.is_blocked:
        return False
    return (a == b) != (decision.kind == INCLUDE)
