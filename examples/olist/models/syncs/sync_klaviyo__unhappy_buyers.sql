-- Grain: one row per unhappy buyer. There is no address to write to in these files, so the profile
-- in Klaviyo is found by our own id.
with

segment as (

    select * from {{ ref('seg_unhappy_buyers') }}

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
        segment.profile_id as external_id,
        profiles.city,
        profiles.postal_code as zip,
        profiles.country,
        segment.review_score,
        segment.reviewed_at,
        profile_traits.lifetime_orders,
        profile_traits.lifetime_value
    from segment
    inner join profiles
        on segment.profile_id = profiles.profile_id
    inner join profile_traits
        on segment.profile_id = profile_traits.profile_id

)

select * from final
