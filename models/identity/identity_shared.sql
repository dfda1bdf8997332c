-- Grain: one row per identifier that has more different neighbours than its rules allow: a till, a
-- family's tablet, a couple's address. It keeps its evidence and links nobody.
with pairs as (
    select
        a,
        b
    from {{ ref('identity_pairs') }}
),

nodes as (
    select
        node_seq,
        identifier_type
    from {{ ref('identity_nodes') }}
),

rules as (
    select
        identifier_type,
        neighbour_type,
        max_neighbours
    from {{ ref('identity_rules') }}
),

neighbours as (
    select
        a as node_seq,
        b as neighbour_seq
    from pairs
    union
    select
        b as node_seq,
        a as neighbour_seq
    from pairs
),

degrees_by_type as (
    select
        neighbours.node_seq,
        mine.identifier_type,
        theirs.identifier_type as neighbour_type,
        count(*) as count_neighbours
    from neighbours
    inner join nodes as mine on neighbours.node_seq = mine.node_seq
    inner join nodes as theirs on neighbours.neighbour_seq = theirs.node_seq
    group by neighbours.node_seq, mine.identifier_type, theirs.identifier_type
),

degrees as (
    select * from degrees_by_type
    union all
    select
        node_seq,
        identifier_type,
        'any' as neighbour_type,
        sum(count_neighbours) as count_neighbours
    from degrees_by_type
    group by node_seq, identifier_type
),

named_types as (
    select distinct identifier_type from rules
),

ruled as (
    select
        degrees.*,
        coalesce(named_types.identifier_type, 'default') as rule_type
    from degrees
    left join named_types on degrees.identifier_type = named_types.identifier_type
),

final as (
    select
        ruled.node_seq,
        min(
            'shared ' || ruled.identifier_type || ': more than '
            || cast(rules.max_neighbours as varchar) || ' ' || rules.neighbour_type
        ) as reason
    from ruled
    inner join rules
        on
            ruled.rule_type = rules.identifier_type
            and ruled.neighbour_type = rules.neighbour_type
            and ruled.count_neighbours > rules.max_neighbours
    group by ruled.node_seq
)

select * from final
