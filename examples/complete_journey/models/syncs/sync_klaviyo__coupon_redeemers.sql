-- Grain: one row per household that redeems. The profile in Klaviyo is found by the number on the
-- loyalty card.
with

segment as (

    select * from {{ ref('seg_coupon_redeemers') }}

),

profiles as (

    select * from {{ ref('profiles') }}

),

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        segment.profile_id,
        profiles.loyalty_id as external_id,
        segment.coupons_redeemed,
        segment.last_redeemed_at,
        profile_traits.orders_90d,
        profile_traits.lifetime_value
    from segment
    inner join profiles
        on segment.profile_id = profiles.profile_id
    inner join profile_traits
        on segment.profile_id = profile_traits.profile_id
    where profiles.loyalty_id is not null

)

select * from final
