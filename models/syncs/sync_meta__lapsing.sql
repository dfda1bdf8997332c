-- Grain: one row per lapsing customer whom Meta could match, by e-mail or phone. The destination
-- hashes what it sends.
with

segment as (

    select * from {{ ref('seg_lapsing') }}

),

profiles as (

    select * from {{ ref('profiles') }}

),

final as (

    select
        profiles.profile_id,
        profiles.profile_id as external_id,
        profiles.email,
        profiles.phone,
        profiles.first_name,
        profiles.last_name,
        profiles.city,
        profiles.postal_code,
        profiles.country
    from segment
    inner join profiles
        on segment.profile_id = profiles.profile_id
    where profiles.email is not null or profiles.phone is not null

)

select * from final
