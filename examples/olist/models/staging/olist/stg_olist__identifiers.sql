-- Grain: one identifier of one record: an order, or an item of one. There is no e-mail and no phone
-- in these files, so what could tie two orders together is weak: the same place on the same day, or
-- the same product sent to the same place again. README.md says how often that is right.
{% set evidence = var('olist_evidence', ['place_day', 'place_product']) %}
with

orders as (
    select * from {{ ref('stg_olist__orders') }}
),

items as (
    select distinct
        orders.order_id,
        orders.customer_id,
        orders.place || '|' || order_items.product_id as place_product,
        order_items.product_id,
        orders.ordered_at
    from orders
    inner join {{ source('raw_olist', 'olist_order_items_dataset') }} as order_items
        on orders.order_id = order_items.order_id
),

final as (
    {{ record_identifiers(
        'orders', 'olist', "'orders:' || order_id",
        {'customer_id': 'customer_id'}, 'ordered_at'
    ) }}

    {% if 'place' in evidence %}
    union all

    {{ record_identifiers(
        'orders', 'olist', "'orders:' || order_id", {'place': 'place'}, 'ordered_at'
    ) }}
    {% endif %}
    {% if 'place_day' in evidence %}
    union all

    {{ record_identifiers(
        'orders', 'olist', "'orders:' || order_id",
        {'place_day': "place || '|' || cast(cast(ordered_at as date) as varchar)"}, 'ordered_at'
    ) }}
    {% endif %}
    {% if 'place_product' in evidence %}
    union all

    {{ record_identifiers(
        'items', 'olist', "'order_items:' || order_id || ':' || product_id",
        {'customer_id': 'customer_id', 'place_product': 'place_product'}, 'ordered_at'
    ) }}
    {% endif %}
)

select * from final
