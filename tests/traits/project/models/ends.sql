-- Grain: one row per person. The first, the last, the most frequent.
{% set traits = {
    'first_channel': trait_first('order', 'channel'),
    'last_channel': trait_last('order', 'channel'),
    'first_order_at': trait_first_at('order'),
    'last_order_at': trait_last_at('order'),
    'favourite_channel': trait_most_frequent('order', 'channel'),
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
