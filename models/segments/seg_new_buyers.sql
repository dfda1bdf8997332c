-- Grain: one row per person. First order within the last 30 days, and not sent back.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profile_id,
        first_order_at,
        lifetime_orders,
        last_order_channel
    from profile_traits
    where
        first_order_at > {{ dbt.dateadd('day', -30, as_of()) }}
        and lifetime_value > 0

)

select * from final
