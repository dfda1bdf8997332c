-- Grain: one event: an order, its cancellation, or its review. An order that was cancelled or could
-- not be delivered was completed and refunded, so that it is worth nothing.
with

orders as (
    select * from {{ ref('stg_olist__orders') }}
),

reviews as (
    select
        reviews.*,
        orders.customer_id
    from {{ ref('stg_olist__reviews') }} as reviews
    inner join orders
        on reviews.order_id = orders.order_id
),

completed as (
    select
        'olist:order:' || order_id as event_id,
        'order_completed' as event_name,
        ordered_at as occurred_at,
        customer_id,
        {{ json_build({
            'order_id': 'order_id', 'total': 'total', 'discount': '0', 'currency': "'BRL'",
            'channel': "'web'", 'item_count': 'item_count',
        }) }} as properties
    from orders
    where status not in ('created', 'approved')
),

refunded as (
    select
        'olist:refund:' || order_id as event_id,
        'order_refunded' as event_name,
        ordered_at as occurred_at,
        customer_id,
        {{ json_build({
            'order_id': 'order_id', 'amount': 'total', 'currency': "'BRL'",
        }) }} as properties
    from orders
    where status in ('canceled', 'unavailable')
),

reviewed as (
    select
        'olist:review:' || order_id as event_id,
        'order_reviewed' as event_name,
        reviewed_at as occurred_at,
        customer_id,
        {{ json_build({'order_id': 'order_id', 'score': 'score'}) }} as properties
    from reviews
),

events as (
    select * from completed
    union all
    select * from refunded
    union all
    select * from reviewed
),

final as (
    select
        event_id,
        'olist' as source,
        event_name,
        occurred_at,
        occurred_at as received_at,
        'customer_id' as identifier_type,
        customer_id as identifier_value,
        properties
    from events
)

select * from final
