-- Grain: one row per person. Three orders or more, at least six in ten of them with a discount,
-- the last within a year.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profile_id,
        discount_share,
        lifetime_orders,
        last_order_at
    from profile_traits
    where
        lifetime_orders >= 3
        and discount_share >= 0.6
        and last_order_at > {{ dbt.dateadd('day', -365, as_of()) }}

)

select * from final
