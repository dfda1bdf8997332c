-- Grain: one row per person. What moves with the clock.
{% set traits = {
    'days_since_order': trait_days_since('order'),
    'order_days': trait_streak('order'),
    'longest_order_days': trait_streak('order', which='longest'),
    'order_weeks': trait_streak('order', period='week'),
    'longest_order_weeks': trait_streak('order', period='week', which='longest'),
    'order_months': trait_streak('order', period='month'),
    'longest_order_months': trait_streak('order', period='month', which='longest'),
    'orders_trend': trait_trend('order', period='month', periods=3),
    'spent_trend': trait_trend('order', period='week', periods=4, value='amount'),
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
