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
        profile_id,

        -- what they bought
        {{ trait_count('order_completed') }} as lifetime_orders,
        {{ trait_count('order_completed', within_days=90) }} as orders_90d,
        {{ trait_count('order_completed', within_days=365) }} as orders_365d,
        {{ trait_first_at('order_completed') }} as first_order_at,
        {{ trait_last_at('order_completed') }} as last_order_at,
        {{ trait_latest('order_completed', 'channel') }} as last_order_channel,

        -- what it was worth
        {{ trait_sum('order_completed', 'amount') }} as lifetime_gross,
        {{ trait_sum('order_refunded', 'amount') }} as lifetime_refunds,
        {{ trait_sum('order_completed', 'amount', within_days=365) }} as gross_365d,
        {{ trait_sum('order_refunded', 'amount', within_days=365) }} as refunds_365d,
        {{ trait_count('order_completed', where='discount > 0 or coupon is not null') }}
            as discounted_orders,

        -- what they look at
        {{ trait_last_at(own_actions) }} as last_active_at,
        {{ trait_count('product_viewed', within_days=30) }} as product_views_30d,
        {{ trait_last_at(carts) }} as last_cart_at,
        {{ trait_latest(carts, 'cart_value') }} as last_cart_value,

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
    from profile_event_values
    group by profile_id

),

final as (

    select
        profiles.profile_id,
        coalesce(computed.lifetime_orders, 0) as lifetime_orders,
        coalesce(computed.orders_90d, 0) as orders_90d,
        coalesce(computed.orders_365d, 0) as orders_365d,
        computed.first_order_at,
        computed.last_order_at,
        computed.last_order_channel,
        case when computed.lifetime_orders > 1 then {{ round_half_up(
            dbt.datediff('computed.first_order_at', 'computed.last_order_at', 'day')
            ~ ' / (computed.lifetime_orders - 1)', 1, precision=9
        ) }} end as days_between_orders,
        cast(
            coalesce(computed.lifetime_gross - computed.lifetime_refunds, 0) as decimal(18, 2)
        ) as lifetime_value,
        cast(
            coalesce(computed.gross_365d - computed.refunds_365d, 0) as decimal(18, 2)
        ) as value_365d,
        case when computed.orders_365d > 0 then {{ round_half_up(
            'percent_rank() over (
                partition by case when computed.orders_365d > 0 then 1 else 0 end
                order by computed.gross_365d - computed.refunds_365d
            )', 4, precision=5
        ) }} end as value_percentile,
        {{ round_half_up(
            'computed.lifetime_gross / nullif(computed.lifetime_orders, 0)', 2
        ) }} as average_order_value,
        {{ round_half_up(
            'computed.discounted_orders / nullif(computed.lifetime_orders, 0)', 4, precision=5
        ) }} as discount_share,
        case when computed.lifetime_gross > 0 then {{ round_half_up(
            'least(computed.lifetime_refunds / computed.lifetime_gross, 1)', 4, precision=5
        ) }} end as refund_share,
        computed.last_active_at as last_seen_at,
        coalesce(computed.product_views_30d, 0) as product_views_30d,
        computed.last_cart_at,
        cast(computed.last_cart_value as decimal(18, 2)) as last_cart_value,
        computed.last_email_open_at,
        computed.last_email_click_at,
        coalesce(computed.email_clicks_90d, 0) as email_clicks_90d,
        computed.last_ticket_at,
        coalesce(computed.tickets_30d, 0) as tickets_30d,
        computed.last_bad_rating_at,
        {{ as_of() }} as computed_at,
        computed.expires_at
    from profiles
    left join computed
        on profiles.profile_id = computed.profile_id

)

select * from final
