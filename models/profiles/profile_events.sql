-- Grain: one row per event of a known person, up to the run's moment. An event of a blocked
-- identifier (a shop terminal, test@test.com) belongs to nobody and is left out; so are the events
-- of people who asked to be erased.
with

events as (

    select * from {{ ref('events') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

final as (

    select
        events.event_id,
        identity_map.profile_id,
        events.source,
        events.event_name,
        events.occurred_at,
        events.received_at,
        events.properties
    from events
    inner join identity_map
        on
            events.identifier_type = identity_map.identifier_type
            and events.identifier_value = identity_map.identifier_value
    left join suppressions
        on
            suppressions.identifier_type = 'profile_id'
            and identity_map.profile_id = suppressions.identifier_value
    where
        events.occurred_at <= {{ as_of() }}
        and suppressions.identifier_value is null

)

select * from final
