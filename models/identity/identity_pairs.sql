-- Grain: one row per pair of identifiers (a < b) and source that names both in one record, as the
-- sources say it now.
-- Every identifier of a record is paired with every other, so that one that turns out to be shared
-- takes no other link with it. Where a record names very many, the most certain one is paired with
-- each of the rest.
with identifiers as (
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

sightings as (
    select
        identifier_type,
        identifier_value
    from {{ ref('identity_sightings') }}
    where blocked_because is null
),

rules as (
    select
        identifier_type,
        priority
    from {{ ref('identity_rules') }}
    where neighbour_type = 'any'
),

certain as (
    select
        nodes.node_seq,
        nodes.identifier_type,
        nodes.identifier_value,
        coalesce(own.priority, fallback.priority) as priority
    from nodes
    inner join sightings
        on
            nodes.identifier_type = sightings.identifier_type
            and nodes.identifier_value = sightings.identifier_value
    inner join rules as fallback on fallback.identifier_type = 'default'
    left join rules as own on nodes.identifier_type = own.identifier_type
),

stated as (
    select
        identifiers.source,
        identifiers.record_id,
        certain.node_seq,
        min(certain.priority) as priority,
        min(identifiers.observed_at) as first_seen_at,
        max(identifiers.observed_at) as last_seen_at
    from identifiers
    inner join certain
        on
            identifiers.identifier_type = certain.identifier_type
            and identifiers.identifier_value = certain.identifier_value
    group by identifiers.source, identifiers.record_id, certain.node_seq
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

final as (
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
    group by
        mine.source,
        least(mine.node_seq, theirs.node_seq),
        greatest(mine.node_seq, theirs.node_seq)
)

select * from final
