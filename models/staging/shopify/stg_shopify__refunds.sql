-- Grain: one refund; the amount includes tax. It counts if its order does, and waits for an order
-- that is not here yet.
with

orders as (
    select * from {{ ref('stg_shopify__orders') }}
),

refunds as (
    select * from {{ source('raw_shopify', 'refund') }}
    {{ latest('id', '_fivetran_synced') }}
),

refund_lines as (
    select * from {{ source('raw_shopify', 'order_line_refund') }}
    {{ latest('id', '_fivetran_synced') }}
),

amounts as (
    select
        refund_id,
        sum(coalesce(subtotal, 0) + coalesce(total_tax, 0)) as amount
    from refund_lines
    group by refund_id
),

final as (
    select
        cast(refunds.id as varchar) as refund_id,
        orders.order_id,
        orders.user_id,
        orders.email,
        orders.phone,
        orders.currency,
        coalesce(amounts.amount, 0) as amount,
        coalesce(refunds.processed_at, refunds.created_at) as refunded_at,
        refunds._fivetran_synced as synced_at,

        -- quality
        case
            when orders.order_id is null then 'order_id: no such order'
            when orders.held_because like 'left out: %' then 'left out: its order is left out'
            when
                orders.held_because is not null or orders.ordered_at is null
                then 'order_id: its order is held back'
            else {{ broken_rule('raw_shopify', 'refund', 'refunds') }}
        end as held_because
    from refunds
    left join orders on cast(refunds.order_id as varchar) = orders.order_id
    left join amounts on refunds.id = amounts.refund_id
)

select * from final
