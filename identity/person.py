"""What is known of one identifier: its person, what became of that person over time, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from identity import overrides
from identity.graph import Identifier, Sighting, nodes
from identity.greedy import Refusal
from identity.overrides import Decision
from identity.tables import Tables

_IDENTIFIERS = """
select identifier_type, identifier_value, first_seen_at, last_seen_at from identity_map
where profile_id = $person order by first_seen_at nulls last, identifier_type, identifier_value
"""
_FORMER = """
select former_profile_id, merged_at from identity_aliases
where profile_id = $person order by merged_at, former_profile_id
"""
_CHANGES = "select * from identity_changes where $chosen order by batch, kind, profile_id_from, profile_id_into"
_REFUSALS = """
with own as (
    select node_seq from identity_labels where canonical_seq = $person
),
found as (
    select refusals.a, refusals.b, refusals.limit_type, refusals.limit_max
    from identity_refusals as refusals inner join own on refusals.a = own.node_seq
    union
    select refusals.a, refusals.b, refusals.limit_type, refusals.limit_max
    from identity_refusals as refusals inner join own on refusals.b = own.node_seq
)
select a, b, limit_type, limit_max from found order by a, b
"""
_LINKS = """
with links as (
    select a, b, inactive_reason from identity_edges where (a = $node or b = $node) and rule <> 'exclude'
),
refused as (
    select distinct a, b from identity_refusals where (a = $node or b = $node) and limit_type <> 'included'
),
told as (
    select coalesce(links.inactive_reason, case when refused.a is null then 'holds' else 'refused' end) as status
    from links
    left join refused on links.a = refused.a and links.b = refused.b
)
select status, count(*) as count_links from told group by status order by count(*) desc, status
"""
_OF_PROFILE = "select identifier_type, identifier_value from identity_map where profile_id = $profile_id limit 1"
_NOW = "select profile_id from identity_aliases where former_profile_id = $profile_id"


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is known of one identifier.

    Attributes:
        sighting: The identifier itself.
        identifiers: All identifiers of its person, the oldest first.
        former: The profiles that its person was merged with, and when.
        changes: Merges and splits of its person and of those profiles, the oldest first, with what caused each.
        refusals: The links of its person that a limit or a decision refused, with both identifiers.
        links: How many links the identifier has, and how many do not hold, by reason.
        decisions: The decisions in force about its person.
    """

    sighting: Sighting
    identifiers: Sequence[Mapping[str, Any]]
    former: Sequence[Mapping[str, Any]]
    changes: Sequence[Mapping[str, Any]]
    refusals: Sequence[tuple[Identifier, Identifier, Refusal]]
    links: Sequence[Mapping[str, Any]]
    decisions: Sequence[Decision]


def portrait(tables: Tables, sighting: Sighting) -> Portrait:
    """Return what is known of an identifier."""
    node = sighting.node
    if node is None:
        return Portrait(sighting, [], [], [], [], [], [])
    person = sighting.profile_id
    former = tables.ask(_FORMER, person=person) if person else []
    profiles = [person, *(row["former_profile_id"] for row in former)] if person else []
    rows = tables.tuples(_REFUSALS, person=node.person)
    refusals = [Refusal(*row) for row in rows]
    names = nodes(tables, {end for each in refusals for end in (each.a, each.b)})
    return Portrait(
        sighting,
        tables.ask(_IDENTIFIERS, person=person) if person else [],
        former,
        _changes(tables, profiles),
        [(names[each.a].identifier, names[each.b].identifier, each) for each in refusals],
        tables.ask(_LINKS, node=node.seq),
        overrides.concerning(tables, [node.person]),
    )


def of_profile(tables: Tables, profile_id: str) -> Identifier | None:
    """Return an identifier of a profile, or of the one that a former profile lives on in; None for no such profile."""
    found = tables.ask(_OF_PROFILE, profile_id=profile_id)
    if not found:
        now = tables.ask(_NOW, profile_id=profile_id)
        found = tables.ask(_OF_PROFILE, profile_id=now[0]["profile_id"]) if now else []
    return Identifier(found[0]["identifier_type"], found[0]["identifier_value"]) if found else None


def _changes(tables: Tables, profiles: Sequence[str]) -> list[dict[str, Any]]:
    """Return the merges and splits that some profiles took part in, with the two identifiers of each cause."""
    if not profiles:
        return []
    chosen = exp.or_(*(exp.column(name).isin(*profiles) for name in ("profile_id_from", "profile_id_into")))
    rows = tables.ask(_CHANGES, chosen=chosen)
    names = nodes(tables, {row[end] for row in rows for end in ("cause_a", "cause_b") if row.get(end) is not None})
    for row in rows:
        for end in ("cause_a", "cause_b"):
            known = names.get(row.get(end) or 0)
            row[end] = known.identifier.to_dict() if known else None
    return rows
