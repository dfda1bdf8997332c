"""The records that are compared: identifiers about which a source knows attributes, one row each.

A record is an identifier, not a person, so that a score does not depend on whom it was linked with before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlglot import exp

from warehouse.base import Relation, Warehouse
from warehouse.sql import any_of, statement

#: The columns of a record besides its attributes. ``is_glued``: a probable link holds its person together today.
COLUMNS = ("identifier_type", "identifier_value", "person", "is_glued", "observed_at")
_PAGE = 50_000

# An e-mail or phone is an attribute as well: the newest of the same record, unless the identifier is one itself.
_KNOWN = """
with said as (
    select identifier_type, identifier_value, trait as attribute, value, observed_at, source
    from traits
    where $is_trait and value is not null and $is_chosen
),

named as (
    select distinct identifier_type, identifier_value from said
),

mine as (
    select identifiers.source, identifiers.record_id, identifiers.identifier_type, identifiers.identifier_value
    from identifiers
    inner join named
        on identifiers.identifier_type = named.identifier_type
        and identifiers.identifier_value = named.identifier_value
),

described as (
    select distinct source, record_id from mine
),

beside as (
    select
        identifiers.source, identifiers.record_id, identifiers.identifier_type as attribute,
        identifiers.identifier_value as value, identifiers.observed_at
    from identifiers
    inner join described
        on identifiers.source = described.source and identifiers.record_id = described.record_id
    where $is_identifier
    qualify row_number() over (
        partition by identifiers.source, identifiers.record_id, identifiers.identifier_type
        order by identifiers.observed_at desc nulls last, identifiers.identifier_value
    ) = 1
),

known as (
    select identifier_type, identifier_value, attribute, value, observed_at, source, 1 as distance
    from said
    union all
    select
        mine.identifier_type, mine.identifier_value, beside.attribute, beside.value,
        beside.observed_at, beside.source, 1 as distance
    from mine
    inner join beside on mine.source = beside.source and mine.record_id = beside.record_id
    where mine.identifier_type <> beside.attribute
    union all
    select
        identifier_type, identifier_value, identifier_type as attribute, identifier_value as value,
        cast(null as timestamp) as observed_at, cast(null as varchar) as source, 0 as distance
    from named
    where $is_identifier
),

newest as (
    select identifier_type, identifier_value, attribute, value, observed_at
    from known
    qualify row_number() over (
        partition by identifier_type, identifier_value, attribute
        order by distance, observed_at desc nulls last, source, value
    ) = 1
),

glued as (
    select distinct identity_map.profile_id
    from identity_edges
    inner join identity_nodes on identity_edges.a = identity_nodes.node_seq
    inner join identity_map
        on identity_nodes.identifier_type = identity_map.identifier_type
        and identity_nodes.identifier_value = identity_map.identifier_value
    where identity_edges.rule = 'probable' and identity_edges.is_active
),

erased as (
    select identifier_type, identifier_value from erased_identifiers
)

select
    newest.identifier_type,
    newest.identifier_value,
    identity_map.profile_id as person,
    case when glued.profile_id is null then 0 else 1 end as is_glued,
    max(newest.observed_at) as observed_at
from newest
inner join identity_map
    on newest.identifier_type = identity_map.identifier_type
    and newest.identifier_value = identity_map.identifier_value
left join glued on identity_map.profile_id = glued.profile_id
left join erased
    on newest.identifier_type = erased.identifier_type and newest.identifier_value = erased.identifier_value
where erased.identifier_value is null
group by newest.identifier_type, newest.identifier_value, identity_map.profile_id, glued.profile_id
"""
_NOBODY = "select identifier_type, identifier_value from identity_map where false"


def query(
    relations: Mapping[str, Relation],
    attributes: Sequence[str],
    chosen: Sequence[tuple[str, str]] = (),
) -> exp.Select:
    """Return the query for the records: :data:`COLUMNS`, then a column per attribute, as the sources wrote it.

    Args:
        relations: Where the tables are.
        attributes: The attributes that are compared.
        chosen: Only these identifiers, as (type, value); all of them when empty.
    """
    kind, value = exp.column("identifier_type"), exp.column("identifier_value")
    only = [exp.and_(kind.eq(one), value.eq(other)) for one, other in chosen]
    tree = cast(
        "exp.Select",
        statement(
            _KNOWN,
            relations,
            is_trait=exp.column("trait").isin(*attributes),
            is_identifier=exp.column("identifier_type").isin(*attributes),
            is_chosen=any_of(only) if only else exp.true(),
        ),
    )
    if "erased_identifiers" not in relations:
        for cte in tree.ctes:
            if cte.alias == "erased":
                cte.set("this", statement(_NOBODY, relations))
    for name in attributes:
        stated = exp.case().when(exp.column("attribute", table="newest").eq(name), exp.column("value", table="newest"))
        tree = tree.select(exp.alias_(exp.func("max", stated), name, quoted=True))
    return tree


def fetch(
    warehouse: Warehouse, relations: Mapping[str, Relation], attributes: Sequence[str], limit: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield the records of which two attributes are known or more, the ones that changed last first, page by page."""
    # With one attribute a record looks like everybody who shares it.
    comparable = query(relations, attributes).having(exp.func("count", exp.Star()) > 1)
    ordered = comparable.order_by(
        exp.Ordered(this=exp.column("observed_at"), desc=True, nulls_first=False), "identifier_type", "identifier_value"
    ).limit(limit)
    yield from warehouse.stream(ordered, size=_PAGE)
