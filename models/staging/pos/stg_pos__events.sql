-- Grain: one event: a purchase in a shop, with a loyalty card.
-- A till without a clock of its own may be ahead: nothing was bought after it was loaded.
with

purchases as (
    select * from {{ ref('stg_pos__purchases') }}
),

final as (
    select
        'pos:purchase:' || receipt_id as event_id,
        'pos' as source,
        'order_completed' as event_name,
        case when purchased_at > loaded_at then loaded_at else purchased_at end as occurred_at,
        loaded_at as received_at,
        'loyalty_id' as identifier_type,
        loyalty_id as identifier_value,
        {{ json_build({
            'order_id': 'receipt_id', 'total': 'total', 'discount': 'discount',
            'currency': 'currency', 'channel': "'store'", 'item_count': 'item_count', 'coupon': 'coupon',
        }) }} as properties,
        held_because
    from purchases
)

select * from final
