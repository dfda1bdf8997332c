-- Grain: one order, with the customer number that was made for it and the place it went to.
-- The place is a postcode of five digits with its town: some hundred households share one.
with

orders as (
    select * from {{ source('raw_olist', 'olist_orders_dataset') }}
),

customers as (
    select * from {{ source('raw_olist', 'olist_customers_dataset') }}
),

order_items as (
    select
        order_id,
        count(*) as item_count
    from {{ source('raw_olist', 'olist_order_items_dataset') }}
    group by order_id
),

payments as (
    select
        order_id,
        sum({{ typed('payment_value', 'decimal(12, 2)') }}) as total
    from {{ source('raw_olist', 'olist_order_payments_dataset') }}
    group by order_id
),

final as (
    select
        -- ids
        orders.order_id,
        orders.customer_id,

        -- strings
        orders.order_status as status,
        {{ clean_text('customers.customer_city') }} as city,
        {{ clean_text('customers.customer_zip_code_prefix') }} as postal_code,
        customers.customer_zip_code_prefix || '|' || lower(customers.customer_city)
        || '|' || customers.customer_state as place,

        -- numerics
        coalesce(order_items.item_count, 0) as item_count,
        payments.total,

        -- timestamps
        {{ typed('orders.order_purchase_timestamp', dbt.type_timestamp()) }} as ordered_at
    from orders
    inner join customers
        on orders.customer_id = customers.customer_id
    left join order_items
        on orders.order_id = order_items.order_id
    left join payments
        on orders.order_id = payments.order_id
)

select * from final
