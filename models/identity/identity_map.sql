-- Grain: one row per identifier that is seen anywhere and not blocked. Everything that wants a
-- person joins here.
-- A shared device or address is in it too, as a profile of its own.
with sightings as (
    select
        identifier_type,
        identifier_value,
        first_seen_at,
        last_seen_at
    from {{ ref('identity_sightings') }}
    where blocked_because is null
),

nodes as (
    select
        node_seq,
        identifier_type,
        identifier_value
    from {{ ref('identity_nodes') }}
),

labels as (
    select
        node_seq,
        canonical_seq
    from {{ ref('identity_labels') }}
),

final as (
    select
        sightings.identifier_type,
        sightings.identifier_value,
        {{ profile_id('labels.canonical_seq') }} as profile_id,
        sightings.first_seen_at,
        sightings.last_seen_at
    from sightings
    inner join nodes
        on
            sightings.identifier_type = nodes.identifier_type
            and sightings.identifier_value = nodes.identifier_value
    inner join labels on nodes.node_seq = labels.node_seq
)

select * from final
