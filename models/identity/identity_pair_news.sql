-- Grain: one row per pair of identifiers (a < b) and record of a part of staging that is news, as
-- the record says it now. What is blocked is left out.
-- Every identifier of a record is paired with every other, so that one that turns out to be shared
-- takes no other link with it. Where a record names very many, the most certain one is paired with
-- each of the rest.
{{ config(materialized='table') }}

{% set limit = var('identity_record_limit') %}

with news as (
    select bucket
    from {{ ref('identity_news') }}
    where kind = 'record'
),

identifiers as (
    select
        source,
        record_id,
        identifier_type,
        identifier_value,
        observed_at
    from {{ ref('identifiers') }}
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

priorities as (
    select distinct
        identifier_type,
        priority
    from {{ ref('identity_rules') }}
),

named as (
    select
        identifiers.source,
        identifiers.record_id,
        nodes.node_seq,
        identifiers.observed_at
    from identifiers
    inner join nodes
        on
            identifiers.identifier_type = nodes.identifier_type
            and identifiers.identifier_value = nodes.identifier_value
    left join blocked on nodes.node_seq = blocked.node_seq
    where
        blocked.node_seq is null
        and not {{ is_missing_identifier('identifiers.identifier_value') }}
        {% if not reads_everything() %}
        and {{ bucket_of(['identifiers.source', 'identifiers.record_id']) }}
            in (select bucket from news)
        {% endif %}
),

records as (
    select
        source,
        record_id,
        min(node_seq) as first_seq,
        max(node_seq) as last_seq,
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
        min(named.observed_at) as seen_at
    from named
    inner join records
        on
            named.source = records.source
            and named.record_id = records.record_id
    where records.count_named > 2
    group by named.source, named.record_id, named.node_seq
),

largest as (
    select
        source,
        record_id
    from larger
    group by source, record_id
    having count(*) > {{ limit }}
),

ranked as (
    select
        larger.source,
        larger.record_id,
        larger.node_seq,
        larger.seen_at,
        row_number() over (
            partition by larger.source, larger.record_id
            order by coalesce(own.priority, fallback.priority), larger.node_seq
        ) as position
    from larger
    inner join largest
        on
            larger.source = largest.source
            and larger.record_id = largest.record_id
    inner join nodes on larger.node_seq = nodes.node_seq
    inner join priorities as fallback on fallback.identifier_type = 'default'
    left join priorities as own on nodes.identifier_type = own.identifier_type
),

paired as (
    select
        source,
        record_id,
        first_seq,
        last_seq,
        seen_at,
        seen_at as also_seen_at
    from records
    where count_named = 2
    union all
    select
        mine.source,
        mine.record_id,
        mine.node_seq as first_seq,
        theirs.node_seq as last_seq,
        mine.seen_at,
        theirs.seen_at as also_seen_at
    from larger as mine
    inner join larger as theirs
        on
            mine.source = theirs.source
            and mine.record_id = theirs.record_id
            and mine.node_seq < theirs.node_seq
    left join largest
        on
            mine.source = largest.source
            and mine.record_id = largest.record_id
    where largest.record_id is null
    union all
    select
        mine.source,
        mine.record_id,
        least(mine.node_seq, theirs.node_seq) as first_seq,
        greatest(mine.node_seq, theirs.node_seq) as last_seq,
        mine.seen_at,
        theirs.seen_at as also_seen_at
    from ranked as mine
    inner join ranked as theirs
        on
            mine.source = theirs.source
            and mine.record_id = theirs.record_id
            and mine.position = 1
            and theirs.position > 1
),

final as (
    select
        source,
        record_id,
        first_seq as a,
        last_seq as b,
        -- Both are named when the later one is. A null of one leaves the other's moment.
        coalesce(greatest(seen_at, also_seen_at), seen_at, also_seen_at) as seen_at,
        {{ bucket_of(['source', 'record_id']) }} as bucket
    from paired
)

select * from final
