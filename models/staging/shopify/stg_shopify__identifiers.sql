-- Grain: one identifier of one record: a customer, or the order of a guest.
-- A deleted customer ties nothing together any more. An order of a customer adds nothing: its
-- e-mail may be somebody else's.
with

customers as (
    select * from {{ ref('stg_shopify__customers') }}
    where not is_deleted
),

guest_orders as (
    select * from {{ ref('stg_shopify__orders') }}
    where user_id is null and held_because is null
),

final as (
    {{ record_identifiers(
        'customers', 'shopify', "'customer:' || user_id",
        {'user_id': 'user_id', 'email': 'email', 'phone': 'phone'}, 'updated_at'
    ) }}

    union all
    {{ record_identifiers(
        'guest_orders', 'shopify', "'order:' || order_id",
        {'email': 'email', 'phone': 'phone'}, 'ordered_at'
    ) }}
)

select * from final
