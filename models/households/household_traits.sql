-- Grain: one row per household, also those whose people did nothing. What all people who live in it
-- now have done counts, also what they did before.
{% set traits = {
    'buyers_365d': trait_unique_count('order_completed', 'profile_id', within_days=365),
    'lifetime_orders': trait_count('order_completed'),
    'orders_365d': trait_count('order_completed', within_days=365),
    'first_order_at': trait_first_at('order_completed'),
    'last_order_at': trait_last_at('order_completed'),
    'last_order_channel': trait_last('order_completed', 'channel'),
    'lifetime_gross': trait_sum('order_completed', 'amount'),
    'lifetime_refunds': trait_sum('order_refunded', 'amount'),
    'gross_365d': trait_sum('order_completed', 'amount', within_days=365),
} %}

with

households as (

    select * from {{ ref('households') }}

),

household_map as (

    select * from {{ ref('household_map') }}

),

profile_event_values as (

    select * from {{ ref('profile_event_values') }}
    where event_name in ('order_completed', 'order_refunded')

),

household_events as (

    select
        profile_event_values.*,
        household_map.household_id
    from profile_event_values
    inner join household_map
        on profile_event_values.profile_id = household_map.profile_id

),

computed as (

    {{ compute_traits(
        traits, people='households', events='household_events', entity='household_id'
    ) }}

),

final as (

    select
        *,
        {{ as_of() }} as computed_at
    from computed

)

select * from final
