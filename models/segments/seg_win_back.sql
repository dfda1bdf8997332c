-- Grain: one row per person. Customers gone for half a year, but for no more than a year and a
-- half, who kept what they bought.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profile_id,
        lifetime_value,
        lifetime_orders,
        last_order_at
    from profile_traits
    where
        last_order_at <= {{ dbt.dateadd('day', -180, as_of()) }}
        and last_order_at > {{ dbt.dateadd('day', -540, as_of()) }}
        and lifetime_value > 0
        and coalesce(refund_share, 0) < 0.5

)

select * from final
