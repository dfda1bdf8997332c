-- Grain: one row per account, also those whose people did nothing. What all people who belong to it
-- now have done counts, also what they did before.
{% set traits = {
    'buyers_365d': trait_unique_count('order_completed', 'profile_id', within_days=365),
    'lifetime_orders': trait_count('order_completed'),
    'orders_365d': trait_count('order_completed', within_days=365),
    'first_order_at': trait_first_at('order_completed'),
    'last_order_at': trait_last_at('order_completed'),
    'lifetime_gross': trait_sum('order_completed', 'amount'),
    'lifetime_refunds': trait_sum('order_refunded', 'amount'),
    'gross_365d': trait_sum('order_completed', 'amount', within_days=365),
    'orders_trend': trait_trend('order_completed', period='quarter', periods=4),
    'tickets_90d': trait_count('ticket_created', within_days=90),
} %}

with

accounts as (

    select * from {{ ref('accounts') }}

),

account_map as (

    select * from {{ ref('account_map') }}

),

profile_event_values as (

    select * from {{ ref('profile_event_values') }}
    where event_name in ('order_completed', 'order_refunded', 'ticket_created')

),

account_events as (

    select
        profile_event_values.*,
        account_map.account_id
    from profile_event_values
    inner join account_map
        on profile_event_values.profile_id = account_map.profile_id

),

computed as (

    {{ compute_traits(traits, people='accounts', events='account_events', entity='account_id') }}

),

final as (

    select
        *,
        {{ as_of() }} as computed_at
    from computed

)

select * from final
