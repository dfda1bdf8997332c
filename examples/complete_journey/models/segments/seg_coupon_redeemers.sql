-- Grain: one row per household. Households that redeemed two coupons or more within 90 days.
with

profile_events as (

    select * from {{ ref('profile_events') }}

),

redemptions as (

    select
        profile_id,
        count(*) as coupons_redeemed,
        max(occurred_at) as last_redeemed_at
    from profile_events
    where
        event_name = 'coupon_redeemed'
        and occurred_at > {{ dbt.dateadd('day', -90, as_of()) }}
    group by profile_id

),

final as (

    select
        profile_id,
        coupons_redeemed,
        last_redeemed_at
    from redemptions
    where coupons_redeemed >= 2

)

select * from final
