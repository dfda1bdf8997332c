-- Grain: one row per person. One trait over every window.
{% set traits = {
    'spent_30d': trait_sum('order', 'amount', within_days=30),
    'spent_this_month': trait_sum('order', 'amount', calendar='month'),
    'spent_last_month': trait_sum('order', 'amount', calendar='month', ago=1),
    'spent_quarter_before_last': trait_sum('order', 'amount', calendar='quarter', ago=2),
    'seen_30d': trait_exists('visit', within_days=30),
    'last_visit_30d_at': trait_last_at('visit', within_days=30),
    'last_channel_this_week': trait_last('order', 'channel', calendar='week'),
    'favourite_channel_90d': trait_most_frequent('order', 'channel', within_days=90),
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
