-- Grain: one row per person with events, as profile_events holds them.
-- changed_at is the moment of the run that last found the events to be others; nothing gives it
-- back, so a full refresh keeps it. Only the people of profile_event_news are read and written.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_people',
        on_schema_change='append_new_columns',
        full_refresh=false,
    )
}}

-- depends_on: {{ ref('profile_event_news') }}
with

profile_events as (

    select * from {{ ref('profile_events') }}

),

noted as (

    {{ noted_timelines() }}

),

timelines as (

    select
        profile_id,
        count(*) as count_events,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        max(received_at) as last_received_at,
        {{ events_fingerprint('count(*)', 'sum(event_hash)') }} as fingerprint
    from profile_events
    {% if is_incremental() %}
        where profile_id in (select news.profile_id from {{ ref('profile_event_news') }} as news)
    {% endif %}
    group by profile_id

),

final as (

    select
        timelines.*,
        case
            when timelines.fingerprint = noted.fingerprint then noted.changed_at
            else {{ as_of() }}
        end as changed_at
    from timelines
    left join noted
        on timelines.profile_id = noted.profile_id

)

select * from final
