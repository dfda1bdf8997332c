-- Grain: one row per person. How many, how much, which.
{% set traits = {
    'orders': trait_count('order'),
    'orders_and_visits': trait_count(['order', 'visit']),
    'web_orders': trait_count('order', where="channel = 'web'"),
    'spent': trait_sum('order', 'amount'),
    'mean_order': trait_avg('order', 'amount'),
    'smallest_order': trait_min('order', 'amount'),
    'largest_order': trait_max('order', 'amount'),
    'has_ordered': trait_exists('order'),
    'channels': trait_unique_list('order', 'channel'),
    'count_channels': trait_unique_count('order', 'channel'),
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
