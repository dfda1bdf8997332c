-- Grain: one row per person of high value. The columns are HubSpot's contact properties; weft_*
-- are custom ones.
with

segment as (

    select * from {{ ref('seg_high_value') }}

),

profiles as (

    select * from {{ ref('profiles') }}

),

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profiles.profile_id,
        profiles.email,
        profiles.first_name as firstname,
        profiles.last_name as lastname,
        profiles.phone,
        profiles.job_title as jobtitle,
        'customer' as lifecyclestage,
        profile_traits.lifetime_value as weft_lifetime_value,
        profile_traits.lifetime_orders as weft_lifetime_orders,
        cast(profile_traits.last_order_at as date) as weft_last_order_date
    from segment
    inner join profiles
        on segment.profile_id = profiles.profile_id
    inner join profile_traits
        on segment.profile_id = profile_traits.profile_id
    where profiles.email is not null

)

select * from final
