-- Grain: one row per person. Regular customers who are late by their own rhythm: half as long
-- again as the usual time between their orders has passed, at least 45 days and at most 180, after
-- which win_back takes over.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

due as (

    select
        profile_id,
        lifetime_value,
        last_order_at,
        days_between_orders,
        {{ dbt.datediff('last_order_at', as_of(), 'day') }}
            as days_since_order
    from profile_traits
    where
        lifetime_orders >= 2
        and last_order_at <= {{ dbt.dateadd('day', -45, as_of()) }}
        and last_order_at > {{ dbt.dateadd('day', -180, as_of()) }}

),

final as (

    select
        profile_id,
        lifetime_value,
        last_order_at,
        days_between_orders
    from due
    where days_since_order >= 1.5 * days_between_orders

)

select * from final
