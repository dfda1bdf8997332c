-- Grain: one order. Deleted ones, and cancelled ones for which nothing was paid, are left out of
-- what is used.
-- A cancelled order that was paid stays, because its refund takes the money back.
with

orders as (
    select * from {{ source('raw_shopify', 'order') }}
    {{ latest('id', '_fivetran_synced') }}
),

order_lines as (
    select * from {{ source('raw_shopify', 'order_line') }}
    {{ latest('id', '_fivetran_synced') }}
),

baskets as (
    select
        order_id,
        sum(quantity) as item_count
    from order_lines
    group by order_id
),

coupons as (
    select
        discount_codes.order_id,
        {{ clean_text('discount_codes.code') }} as coupon
    from {{ source('raw_shopify', 'order_discount_code') }} as discount_codes
    qualify row_number() over (
        partition by discount_codes.order_id
        order by discount_codes.index asc, discount_codes._fivetran_synced desc
    ) = 1
),

final as (
    select
        -- ids
        cast(orders.id as varchar) as order_id,
        {{ normalise_identifier('user_id', 'orders.customer_id') }} as user_id,

        -- strings
        {{ normalise_identifier('email', 'orders.email') }} as email,
        {{ normalise_identifier(
            'phone', 'orders.phone', 'upper(orders.billing_address_country_code)'
        ) }} as phone,
        case when orders.source_name = 'pos' then 'store' else 'web' end as channel,
        orders.currency,
        coupons.coupon,

        -- numerics
        orders.total_price as total,
        coalesce(orders.total_discounts, 0) as discount,
        coalesce(baskets.item_count, 0) as item_count,

        -- timestamps
        coalesce(orders.processed_at, orders.created_at) as ordered_at,
        orders._fivetran_synced as synced_at,

        -- quality
        case
            when orders._fivetran_deleted then 'left out: deleted'
            when
                orders.cancelled_at is not null
                and coalesce(orders.financial_status, 'pending')
                in ('pending', 'authorized', 'voided')
                then 'left out: cancelled before it was paid'
            when
                orders.customer_id is null
                and {{ clean_text('orders.email') }} is null
                and {{ clean_text('orders.phone') }} is null
                then 'left out: it names nobody'
            else {{ broken_rule('raw_shopify', 'order', 'orders') }}
        end as held_because
    from orders
    left join baskets on orders.id = baskets.order_id
    left join coupons on orders.id = coupons.order_id
)

select * from final
