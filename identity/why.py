"""Why two identifiers are one person, or are not: the evidence between them, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from identity import chain, overrides, preview
from identity.apart import Way, way
from identity.graph import Identifier, Node, Pair, Sighting, evidence, nodes, refused
from identity.greedy import EXCLUDED, INCLUDED, Refusal
from identity.overrides import Decision
from identity.tables import Tables


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of one pair of identifiers.

    Attributes:
        a: One identifier.
        b: The other.
        holds: Whether it makes them one person.
        evidence: Its edges, those that link first: rule, source, a record of how many, first and last seen, weight.
        refusal: Why it was refused; None for one that was not.
        decisions: The decisions in force about these two.
    """

    a: Identifier
    b: Identifier
    holds: bool
    evidence: Sequence[Mapping[str, Any]]
    refusal: Refusal | None = None
    decisions: Sequence[Decision] = ()

    def reasons(self) -> list[str]:
        """Return in words why it does not hold; nothing for one that does."""
        if self.holds:
            return []
        if self.refusal is not None:
            return [refusal_in_words(self.refusal)]
        return sorted({_IN_WORDS.get(each, each) for edge in self.evidence if (each := edge["inactive_reason"])})

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "holds": self.holds,
            "reasons": self.reasons(),
            "evidence": list(self.evidence),
            "decisions": [each.to_dict() for each in self.decisions],
        }


@dataclass(frozen=True, slots=True)
class Separation:
    """What would make one person two.

    Attributes:
        links: A smallest set of links without which nothing connects the two identifiers.
        refused: The links that the single decision to exclude the two would refuse.
        waiting: Whether the next dbt run changes this person anyway, by decisions that it does not know yet.
    """

    links: Sequence[Link]
    refused: Sequence[Link]
    waiting: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Why two identifiers are one person, or are not.

    Attributes:
        start: The first identifier.
        end: The second.
        is_one: Whether they are one person.
        links: The chain from the first to the second; None where there is none.
        gave_up: Whether the search for a chain ended at its bound.
        separation: What would make them two; None where they are.
        decisions: The decisions in force that are about both persons.
    """

    start: Sighting
    end: Sighting
    is_one: bool
    links: Sequence[Link] | None
    gave_up: bool = False
    separation: Separation | None = None
    decisions: Sequence[Decision] = field(default_factory=list)


_IN_WORDS = {
    "withdrawn": "withdrawn: its source no longer states it",
    "blocked": "blocked: one of the two stands for nobody",
    "undone": "undone: the decision by hand was taken back",
}


def refusal_in_words(refusal: Refusal) -> str:
    """Return why a link was refused."""
    if refusal.limit_type == EXCLUDED:
        return "refused: a decision by hand keeps the two apart"
    if refusal.limit_type == INCLUDED:
        return "overruled: a later decision by hand puts the two together"
    return f"refused: one person may have {refusal.limit_max} {refusal.limit_type} at most"


def why(tables: Tables, start: Sighting, end: Sighting, now: datetime) -> Answer:
    """Return why two identifiers are one person, or are not.

    Args:
        tables: The stored graph.
        start: The first identifier.
        end: The second.
        now: The moment of a decision that would separate them.
    """
    if start.node is None or end.node is None:
        return Answer(start, end, is_one=False, links=None)
    is_one = start.node.person == end.node.person
    persons = {start.node.person, end.node.person}
    decisions = [each for each in overrides.concerning(tables, persons) if _is_between(each, persons, is_one=is_one)]
    found = way(tables, start.node, end.node)
    if found.nodes is None:
        return Answer(start, end, is_one, None, found.gave_up, decisions=decisions)
    links = _links(tables, [(a, b) for a, b in pairwise(found.nodes)], found.broken, decisions)
    separation = _separation(tables, start.node, end.node, found, now) if is_one else None
    return Answer(start, end, is_one, links, separation=separation, decisions=decisions)


def _separation(tables: Tables, start: Node, end: Node, found: Way, now: datetime) -> Separation:
    decision = Decision("", "exclude", start.identifier, end.identifier, "", "", now, node_a=start, node_b=end)
    effect = preview.of_new(tables, decision)
    refusals = [(each.a, each.b) for each in effect.refused if each.limit_type == EXCLUDED]
    return Separation(
        _links(tables, chain.cut(found.links, start.seq, end.seq)), _links(tables, refusals), effect.waiting
    )


def _links(
    tables: Tables, steps: Sequence[Pair], broken: Iterable[Pair] = (), decisions: Sequence[Decision] = ()
) -> list[Link]:
    """Return what is known of some pairs, in their order and direction."""
    pairs = {step: (min(step), max(step)) for step in steps}
    apart = set(broken)
    known = nodes(tables, {node for step in steps for node in step})
    edges = evidence(tables, list(pairs.values()))
    refusals = refused(tables, list(apart))
    return [
        Link(
            a := known[step[0]].identifier,
            b := known[step[1]].identifier,
            pair not in apart,
            edges[pair],
            refusals.get(pair),
            [each for each in decisions if each.pair == {a, b}],
        )
        for step, pair in pairs.items()
    ]


def _is_between(decision: Decision, persons: set[int], *, is_one: bool) -> bool:
    """Tell whether a decision is about both of two persons, or about the one person."""
    ends = {node.person for node in (decision.node_a, decision.node_b) if node is not None}
    return ends == persons and (is_one or len(ends) == 2)
