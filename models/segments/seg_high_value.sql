-- Grain: one row per person. The best tenth of the people who bought within a year, by what they
-- kept, and still loyal: two orders or more in that year, the last of them within half a year.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profile_id,
        value_365d,
        orders_365d,
        last_order_at
    from profile_traits
    where
        value_percentile >= 0.9
        and value_365d > 0
        and orders_365d >= 2
        and last_order_at > {{ dbt.dateadd('day', -180, as_of()) }}

)

select * from final
