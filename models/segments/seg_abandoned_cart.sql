-- Grain: one row per person. A cart of the last seven days that no order, online or in a shop, has
-- followed. The first hour does not count: people are still shopping.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profile_id,
        last_cart_at,
        last_cart_value
    from profile_traits
    where
        last_cart_at > {{ dbt.dateadd('day', -7, as_of()) }}
        and last_cart_at <= {{ dbt.dateadd('hour', -1, as_of()) }}
        and (last_order_at is null or last_order_at < last_cart_at)

)

select * from final
