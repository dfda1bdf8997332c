-- Grain: one row per pair of identifiers (a < b) and record of a part of staging that is news, as
-- the record says it now. What is blocked is left out.
-- Every identifier of a record is paired with every other, so that one that turns out to be shared
-- takes no other link with it. Where a record names very many, the most certain one is paired with
-- each of the rest.
{{ config(materialized='table') }}

with identifiers as (
    select
        source,
        record_id,
        identifier_type,
        identifier_value,
        observed_at
    from {{ ref('identifiers') }}
    where {{ is_news('record', bucket_of(['source', 'record_id'])) }}
),

nodes as (
    select
        node_seq,
        identifier_type,
        identifier_value
    from {{ ref('identity_nodes') }}
),

blocked as (
    {{ blocked_nodes() }}
),

rules as (
    select
        identifier_type,
        priority
    from {{ ref('identity_rules') }}
    where neighbour_type = 'any'
),

named as (
    select
        identifiers.source,
        identifiers.record_id,
        identifiers.identifier_type,
        identifiers.observed_at,
        nodes.node_seq
    from identifiers
    inner join nodes
        on
            identifiers.identifier_type = nodes.identifier_type
            and identifiers.identifier_value = nodes.identifier_value
    left join blocked on nodes.node_seq = blocked.node_seq
    where blocked.node_seq is null
),

records as (
    select
        source,
        record_id,
        min(node_seq) as a,
        max(node_seq) as b,
        max(observed_at) as seen_at,
        count(*) as count_named
    from named
    group by source, record_id
    having min(node_seq) < max(node_seq)
),

-- Most records name two identifiers, which are their pair. Only the others are joined with
-- themselves.
larger as (
    select
        named.source,
        named.record_id,
        named.node_seq,
        min(named.observed_at) as seen_at,
        min(coalesce(own.priority, fallback.priority)) as priority
    from named
    inner join records
        on
            named.source = records.source
            and named.record_id = records.record_id
            and records.count_named > 2
    inner join rules as fallback on fallback.identifier_type = 'default'
    left join rules as own on named.identifier_type = own.identifier_type
    group by named.source, named.record_id, named.node_seq
),

ranked as (
    select
        *,
        row_number() over (
            partition by source, record_id order by priority, node_seq
        ) as position,
        count(*) over (partition by source, record_id) as count_identifiers
    from larger
),

paired as (
    select
        source,
        record_id,
        a,
        b,
        seen_at
    from records
    where count_named = 2
    union all
    select
        mine.source,
        mine.record_id,
        least(mine.node_seq, theirs.node_seq) as a,
        greatest(mine.node_seq, theirs.node_seq) as b,
        -- Both are named when the later one is. Where one has no moment, the other's counts.
        coalesce(greatest(mine.seen_at, theirs.seen_at), mine.seen_at, theirs.seen_at) as seen_at
    from ranked as mine
    inner join ranked as theirs
        on
            mine.source = theirs.source
            and mine.record_id = theirs.record_id
            and mine.position < theirs.position
            and (mine.position = 1 or mine.count_identifiers <= {{ var('identity_record_limit') }})
),

final as (
    select
        *,
        {{ bucket_of(['source', 'record_id']) }} as bucket
    from paired
)

select * from final
