-- Grain: one trait of one customer number.
with

orders as (
    select
        *,
        'BR' as country
    from {{ ref('stg_olist__orders') }}
),

final as (
    {{ record_traits(
        'orders', 'olist', "'customer_id'", 'customer_id',
        {'city': 'city', 'postal_code': 'postal_code', 'country': 'country'}, 'ordered_at'
    ) }}
)

select * from final
