-- Grain: one row per person, also those without any event: their counts are 0 and their times
-- null. Everything is as of computed_at. From expires_at on, a windowed trait is stale even if
-- nothing happens.
{% set own_actions = [
    'order_completed', 'product_viewed', 'product_added', 'checkout_started', 'page_viewed',
    'email_clicked', 'ticket_created', 'ticket_rated', 'coupon_redeemed',
] %}
{% set carts = ['product_added', 'checkout_started'] %}

with

profiles as (

    select * from {{ ref('profiles') }}

),

profile_event_values as (

    select * from {{ ref('profile_event_values') }}

),

computed as (

    select
        profiles.profile_id,

        -- what they bought
        {{ trait_count('order_completed') }} as lifetime_orders,
        {{ trait_count('order_completed', within_days=90) }} as orders_90d,
        {{ trait_count('order_completed', within_days=365) }} as orders_365d,
        {{ trait_count('order_completed', where='discount > 0 or coupon is not null') }}
            as lifetime_discounted_orders,
        {{ trait_first_at('order_completed') }} as first_order_at,
        {{ trait_last_at('order_completed') }} as last_order_at,
        {{ trait_latest('order_completed', 'channel') }} as last_order_channel,

        -- what it was worth
        {{ trait_sum('order_completed', 'amount') }} as lifetime_gross,
        {{ trait_sum('order_refunded', 'amount') }} as lifetime_refunds,
        {{ trait_sum('order_completed', 'amount', within_days=365) }} as gross_365d,
        {{ trait_sum('order_refunded', 'amount', within_days=365) }} as refunds_365d,

        -- what they look at
        {{ trait_last_at(own_actions) }} as last_seen_at,
        {{ trait_count('product_viewed', within_days=30) }} as product_views_30d,
        {{ trait_last_at(carts, where='not is_cart_emptied') }} as last_cart_at,
        cast(
            {{ trait_latest(carts, 'cart_value', where='not is_cart_emptied') }}
            as decimal(18, 2)
        ) as last_cart_value,

        -- how they answer
        {{ trait_last_at('email_opened') }} as last_email_open_at,
        {{ trait_last_at('email_clicked') }} as last_email_click_at,
        {{ trait_count('email_clicked', within_days=90) }} as email_clicks_90d,

        -- how they are served
        {{ trait_last_at('ticket_created') }} as last_ticket_at,
        {{ trait_count('ticket_created', within_days=30) }} as tickets_30d,
        {{ trait_last_at('ticket_rated', where="score = 'bad'") }} as last_bad_rating_at,

        -- one line per window that is used above
        {{ trait_expires_at({
            30: ['product_viewed', 'ticket_created'],
            90: ['order_completed', 'email_clicked'],
            365: ['order_completed', 'order_refunded'],
        }) }} as expires_at
    from profiles
    left join profile_event_values
        on profiles.profile_id = profile_event_values.profile_id
    group by profiles.profile_id

),

final as (

    select
        *,
        cast(lifetime_gross - lifetime_refunds as decimal(18, 2)) as lifetime_value,
        cast(gross_365d - refunds_365d as decimal(18, 2)) as value_365d,
        case when orders_365d > 0 then {{ round_half_up(
            'percent_rank() over (
                partition by case when orders_365d > 0 then 1 else 0 end
                order by gross_365d - refunds_365d
            )', 4, precision=5
        ) }} end as value_percentile,
        case when lifetime_orders > 1 then {{ round_half_up(
            dbt.datediff('first_order_at', 'last_order_at', 'day')
            ~ ' / (lifetime_orders - 1)', 1, precision=9
        ) }} end as days_between_orders,
        {{ round_half_up(
            'lifetime_gross / nullif(lifetime_orders, 0)', 2
        ) }} as average_order_value,
        {{ round_half_up(
            'lifetime_discounted_orders / nullif(lifetime_orders, 0)', 4, precision=5
        ) }} as discount_share,
        case when lifetime_gross > 0 then {{ round_half_up(
            'least(lifetime_refunds / nullif(lifetime_gross, 0), 1)', 4, precision=5
        ) }} end as refund_share,
        {{ as_of() }} as computed_at
    from computed

)

select * from final
