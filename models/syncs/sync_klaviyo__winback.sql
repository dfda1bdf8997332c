-- Grain: one row per person to win back. The columns are Klaviyo's; what it does not know becomes
-- a custom property.
with

segment as (

    select * from {{ ref('seg_win_back') }}

),

profiles as (

    select * from {{ ref('profiles') }}

),

final as (

    select
        profiles.profile_id,
        profiles.email,
        profiles.phone as phone_number,
        profiles.profile_id as external_id,
        profiles.first_name,
        profiles.last_name,
        profiles.loyalty_tier,
        segment.lifetime_value,
        segment.lifetime_orders,
        segment.last_order_at
    from segment
    inner join profiles
        on segment.profile_id = profiles.profile_id
    where profiles.email is not null

)

select * from final
