-- Grain: one row per identifier that has, or once had, more different neighbours than its rules
-- allow: a till, a family's tablet, a couple's address. It keeps its evidence and links nobody.
-- One that is shared no more keeps its row, without a reason, so that its edges are looked at
-- again. Only what records state counts.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_edge_news') }}
{% set is_delta = is_incremental() and has_same_rules() and not reads_everything() %}

with nodes as (
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

stored as (
    select
        node_seq,
        reason
    from {{ stored_state('identity_shared') }} as shared
),

recounted as (
    {{ recounted_nodes() if is_delta else 'select node_seq from stored' }}
),

pairs as (
    {{ stated_pairs('recounted' if is_delta else none) }}
),

ends as (
    select
        a as node_seq,
        b as neighbour_seq
    from pairs
    union all
    select
        b as node_seq,
        a as neighbour_seq
    from pairs
),

named as (
    select distinct identifier_type
    from rules
),

strictest as (
    select min(max_neighbours) as max_neighbours
    from rules
),

-- Few have as many neighbours as the strictest rule forbids. Only theirs are told apart and counted
-- by type.
busy as (
    select ends.node_seq
    from ends
    {{ 'inner join recounted on ends.node_seq = recounted.node_seq' if is_delta }}
    group by ends.node_seq
    having count(*) > (select strictest.max_neighbours from strictest)
),

limits as (
    select
        busy.node_seq,
        nodes.identifier_type,
        rules.neighbour_type,
        rules.max_neighbours
    from busy
    inner join nodes on busy.node_seq = nodes.node_seq
    left join named on nodes.identifier_type = named.identifier_type
    inner join rules on coalesce(named.identifier_type, 'default') = rules.identifier_type
    where rules.max_neighbours is not null
),

degrees as (
    select
        ends.node_seq,
        nodes.identifier_type as neighbour_type,
        count(distinct ends.neighbour_seq) as count_neighbours
    from ends
    inner join nodes on ends.neighbour_seq = nodes.node_seq
    where ends.node_seq in (select limits.node_seq from limits)
    group by ends.node_seq, nodes.identifier_type
),

broken as (
    select
        limits.node_seq,
        limits.identifier_type,
        limits.neighbour_type,
        limits.max_neighbours
    from limits
    inner join degrees
        on
            limits.node_seq = degrees.node_seq
            and limits.neighbour_type in (degrees.neighbour_type, 'any')
    group by
        limits.node_seq,
        limits.identifier_type,
        limits.neighbour_type,
        limits.max_neighbours
    having sum(degrees.count_neighbours) > limits.max_neighbours
),

reasons as (
    select
        node_seq,
        min(
            'shared ' || identifier_type || ': more than '
            || cast(max_neighbours as varchar) || ' ' || neighbour_type
        ) as reason
    from broken
    group by node_seq
),

looked_at as (
    select node_seq from reasons
    union
    select node_seq from recounted
),

final as (
    select
        looked_at.node_seq,
        reasons.reason,
        {{ next_batch() }} as batch
    from looked_at
    left join reasons on looked_at.node_seq = reasons.node_seq
    left join stored on looked_at.node_seq = stored.node_seq
    where reasons.reason is distinct from stored.reason
)

select * from final
