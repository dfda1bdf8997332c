-- Grain: one row per identifier: the twenty most connected of those that link, and the twenty most
-- connected of those that are shared and so link nobody.
-- Those that link are looked for in the hundred largest components: no identifier has more
-- neighbours than its component has members, so only a hundred larger components could hide one.
with labels as (
    select
        node_seq,
        component_seq
    from {{ ref('identity_labels') }}
),

components as (
    select component_seq from {{ ref('identity_largest_components') }}
),

shared as (
    select node_seq from {{ ref('identity_shared') }}
    where reason is not null
),

edges as (
    select
        a,
        b,
        is_active
    from {{ ref('identity_edges') }}
    where is_active or inactive_reason like 'shared %'
),

nodes as (
    select
        node_seq,
        identifier_type
    from {{ ref('identity_nodes') }}
),

candidates as (
    select
        node_seq,
        true as is_shared
    from shared
    union all
    select
        labels.node_seq,
        false as is_shared
    from labels
    inner join components on labels.component_seq = components.component_seq
    left join shared on labels.node_seq = shared.node_seq
    where shared.node_seq is null
),

-- A link to a shared identifier counts for the shared end alone.
neighbours as (
    select
        candidates.node_seq,
        candidates.is_shared,
        edges.b as neighbour_seq
    from edges
    inner join candidates on edges.a = candidates.node_seq
    where edges.is_active or candidates.is_shared
    union
    select
        candidates.node_seq,
        candidates.is_shared,
        edges.a as neighbour_seq
    from edges
    inner join candidates on edges.b = candidates.node_seq
    where edges.is_active or candidates.is_shared
),

ranked as (
    select
        node_seq,
        is_shared,
        count(*) as count_neighbours,
        row_number() over (partition by is_shared order by count(*) desc, node_seq asc) as position
    from neighbours
    group by node_seq, is_shared
),

final as (
    select
        ranked.node_seq,
        nodes.identifier_type,
        ranked.is_shared,
        ranked.count_neighbours,
        ranked.position
    from ranked
    inner join nodes on ranked.node_seq = nodes.node_seq
    where ranked.position <= 20
)

select * from final
