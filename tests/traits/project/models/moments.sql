-- Grain: one row per person and moment: what was known of the person then.
{% set traits = {
    'orders': trait_count('order'),
    'orders_30d': trait_count('order', within_days=30),
    'orders_this_month': trait_count('order', calendar='month'),
    'last_channel': trait_last('order', 'channel'),
    'favourite_channel': trait_most_frequent('order', 'channel'),
    'channels': trait_unique_list('order', 'channel'),
    'days_since_order': trait_days_since('order'),
    'order_days': trait_streak('order'),
    'longest_order_weeks': trait_streak('order', period='week', which='longest'),
    'orders_trend': trait_trend('order', period='month', periods=3),
    'sessions': trait_sessions('visit'),
    'session_visits': trait_count(['visit', 'order'], session_minutes=30, where="event_name = 'visit'"),
} %}

with

people as (

    select * from {{ ref('people') }}

),

events as (

    select * from {{ ref('events') }}

),

final as (

    {{ compute_traits(traits, people='people', events='events', as_of='moment') }}

)

select * from final
