-- Grain: one row per event of a known person, up to the run's moment. An event of a blocked
-- identifier (a shop terminal, test@test.com) belongs to nobody and is left out; so are the events
-- of people who asked to be erased.
-- Only the people of profile_event_news are read and written.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_people',
        on_schema_change='append_new_columns',
    )
}}

-- depends_on: {{ ref('profile_event_news') }}
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

known_identifiers as (

    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        identity_map.profile_id
    from identity_map
    {% if is_incremental() %}
        inner join {{ ref('profile_event_news') }} as news
            on identity_map.profile_id = news.profile_id
    {% endif %}
    left join suppressions
        on
            suppressions.identifier_type = 'profile_id'
            and identity_map.profile_id = suppressions.identifier_value
    where suppressions.identifier_value is null

),

final as (

    select
        events.event_id,
        known_identifiers.profile_id,
        events.source,
        events.event_name,
        events.occurred_at,
        events.received_at,
        events.properties,
        {{ event_hash('events') }} as event_hash
    from events
    inner join known_identifiers
        on
            events.identifier_type = known_identifiers.identifier_type
            and events.identifier_value = known_identifiers.identifier_value
    where events.occurred_at <= {{ as_of() }}

)

select * from final
