-- Grain: one row per person. Customers whom support has disappointed in the last 30 days, by a bad
-- rating or by three tickets or more, and who have not bought since.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

disappointed as (

    select
        profile_id,
        lifetime_value,
        last_order_at,
        last_bad_rating_at,
        last_ticket_at,
        tickets_30d,
        case
            when last_bad_rating_at > {{ dbt.dateadd('day', -30, as_of()) }}
                then last_bad_rating_at
            when tickets_30d >= 3 then last_ticket_at
        end as disappointed_at
    from profile_traits
    where lifetime_orders > 0

),

final as (

    select
        profile_id,
        lifetime_value,
        disappointed_at,
        tickets_30d
    from disappointed
    where last_order_at < disappointed_at

)

select * from final
