-- Grain: one event: an order or a refund. Guests are known by e-mail, else by phone.
-- Orders of a deleted customer stay: what was sold was sold, and the sums have to add up.
with

orders as (
    select * from {{ ref('stg_shopify__orders') }}
),

refunds as (
    select * from {{ ref('stg_shopify__refunds') }}
),

events as (
    select
        'shopify:order:' || order_id as event_id,
        'order_completed' as event_name,
        ordered_at as occurred_at,
        synced_at as received_at,
        user_id,
        email,
        phone,
        {{ json_build({
            'order_id': 'order_id', 'total': 'total', 'discount': 'discount',
            'currency': 'currency', 'channel': 'channel', 'item_count': 'item_count', 'coupon': 'coupon',
        }) }} as properties,
        held_because
    from orders

    union all

    select
        'shopify:refund:' || refund_id as event_id,
        'order_refunded' as event_name,
        refunded_at as occurred_at,
        synced_at as received_at,
        user_id,
        email,
        phone,
        {{ json_build({
            'order_id': 'order_id', 'amount': 'amount', 'currency': 'currency',
        }) }} as properties,
        held_because
    from refunds
),

final as (
    select
        event_id,
        'shopify' as source,
        event_name,
        occurred_at,
        received_at,
        case
            when user_id is not null then 'user_id'
            when email is not null then 'email'
            else 'phone'
        end as identifier_type,
        coalesce(user_id, email, phone) as identifier_value,
        properties,
        held_because
    from events
)

select * from final
