-- Grain: one row per person. Visits that lie close together.
{% set traits = {
    'sessions': trait_sessions('visit'),
    'sessions_10m': trait_sessions(['visit', 'order'], session_minutes=10),
    'sessions_30d': trait_sessions('visit', within_days=30),
    'session_visits': trait_count(['visit', 'order'], session_minutes=30, where="event_name = 'visit'"),
    'session_channel': trait_most_frequent(['visit', 'order'], 'channel', session_minutes=30),
} %}

with

people as (

    select * from {{ ref('people') }}

),

events as (

    select * from {{ ref('events') }}

),

final as (

    {{ compute_traits(traits, people='people', events='events') }}

)

select * from final
