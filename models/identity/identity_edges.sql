-- Grain: one row per pair of identifiers (a < b), rule and source that links them, kept for good
-- with its evidence.
-- Only active edges link. An edge that a rule switched off, or that its source no longer states,
-- says why.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['a', 'b', 'rule', 'source'],
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with identifiers as (
    select
        source,
        record_id,
        identifier_type,
        identifier_value,
        observed_at
    from {{ ref('identifiers') }}
),

rules as (
    select
        identifier_type,
        priority,
        neighbour_type,
        max_neighbours
    from {{ ref('identity_rules') }}
),

nodes as (
    select
        registered.node_seq,
        registered.identifier_type,
        registered.identifier_value,
        sightings.blocked_because,
        coalesce(rules.identifier_type, 'default') as rule_type
    from {{ ref('identity_nodes') }} as registered
    inner join {{ ref('identity_sightings') }} as sightings
        on
            registered.identifier_type = sightings.identifier_type
            and registered.identifier_value = sightings.identifier_value
    left join rules
        on registered.identifier_type = rules.identifier_type and rules.neighbour_type = 'any'
),

stated as (
    select
        identifiers.source,
        identifiers.record_id,
        nodes.node_seq,
        min(rules.priority) as priority,
        min(identifiers.observed_at) as first_seen_at,
        max(identifiers.observed_at) as last_seen_at
    from identifiers
    inner join nodes
        on
            identifiers.identifier_type = nodes.identifier_type
            and identifiers.identifier_value = nodes.identifier_value
            and nodes.blocked_because is null
    inner join rules
        on nodes.rule_type = rules.identifier_type and rules.neighbour_type = 'any'
    group by identifiers.source, identifiers.record_id, nodes.node_seq
),

ranked as (
    select
        *,
        row_number() over (
            partition by source, record_id order by priority, node_seq
        ) as position,
        count(*) over (partition by source, record_id) as count_identifiers
    from stated
),

-- Every identifier of a record is linked with every other, so that one that turns out to be shared
-- takes no other link with it. Where a record names very many, the most certain one is linked with
-- each of the rest.
pairs as (
    select
        least(mine.node_seq, theirs.node_seq) as a,
        greatest(mine.node_seq, theirs.node_seq) as b,
        mine.source,
        min(greatest(mine.first_seen_at, theirs.first_seen_at)) as first_seen_at,
        max(least(mine.last_seen_at, theirs.last_seen_at)) as last_seen_at,
        count(*) as count_records
    from ranked as mine
    inner join ranked as theirs
        on
            mine.source = theirs.source
            and mine.record_id = theirs.record_id
            and mine.position < theirs.position
            and (mine.position = 1 or mine.count_identifiers <= {{ var('identity_record_limit') }})
    group by 1, 2, 3
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
        mine.rule_type,
        theirs.identifier_type as neighbour_type,
        count(*) as count_neighbours
    from neighbours
    inner join nodes as mine on neighbours.node_seq = mine.node_seq
    inner join nodes as theirs on neighbours.neighbour_seq = theirs.node_seq
    group by 1, 2, 3, 4
),

degrees as (
    select * from degrees_by_type
    union all
    select
        node_seq,
        identifier_type,
        rule_type,
        'any' as neighbour_type,
        sum(count_neighbours)
    from degrees_by_type
    group by node_seq, identifier_type, rule_type
),

shared as (
    select
        degrees.node_seq,
        min(
            'shared ' || degrees.identifier_type || ': more than '
            || cast(rules.max_neighbours as varchar) || ' ' || rules.neighbour_type
        ) as reason
    from degrees
    inner join rules
        on
            degrees.rule_type = rules.identifier_type
            and degrees.neighbour_type = rules.neighbour_type
            and degrees.count_neighbours > rules.max_neighbours
    group by degrees.node_seq
),

evidence as (
    select
        pairs.a,
        pairs.b,
        'same_record' as rule,
        pairs.source,
        pairs.first_seen_at,
        pairs.last_seen_at,
        pairs.count_records,
        shared_a.reason is null and shared_b.reason is null as is_active,
        coalesce(shared_a.reason, shared_b.reason) as inactive_reason
    from pairs
    left join shared as shared_a on pairs.a = shared_a.node_seq
    left join shared as shared_b on pairs.b = shared_b.node_seq
),

{% if is_incremental() %}
stored as (
    select * from {{ this }}
),

no_longer_stated as (
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        stored.first_seen_at,
        stored.last_seen_at,
        stored.count_records,
        false as is_active,
        case
            when blocked_a.node_seq is not null or blocked_b.node_seq is not null then 'blocked'
            else 'withdrawn'
        end as inactive_reason
    from stored
    left join evidence
        on
            stored.a = evidence.a
            and stored.b = evidence.b
            and stored.rule = evidence.rule
            and stored.source = evidence.source
    left join nodes as blocked_a
        on stored.a = blocked_a.node_seq and blocked_a.blocked_because is not null
    left join nodes as blocked_b
        on stored.b = blocked_b.node_seq and blocked_b.blocked_because is not null
    where evidence.a is null
),

said as (
    select * from evidence
    union all
    select * from no_longer_stated
),

final as (
    select said.*
    from said
    left join stored
        on
            said.a = stored.a
            and said.b = stored.b
            and said.rule = stored.rule
            and said.source = stored.source
    where
        stored.a is null
        or said.is_active <> stored.is_active
        or said.count_records <> stored.count_records
        or said.inactive_reason is distinct from stored.inactive_reason
        or said.first_seen_at is distinct from stored.first_seen_at
        or said.last_seen_at is distinct from stored.last_seen_at
)
{% else %}
    final as (
        select * from evidence
    )
{% endif %}

select * from final
