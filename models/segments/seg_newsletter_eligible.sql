-- Grain: one row per person. Has agreed to e-mail, has an address that takes it, and has shown a
-- sign of life: a click within half a year, or anything of their own doing within a year. Opens do
-- not count; mail clients open by themselves.
with

profiles as (

    select * from {{ ref('profiles') }}

),

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

final as (

    select
        profiles.profile_id,
        profiles.email_consented_at as consented_at,
        profile_traits.last_seen_at,
        profile_traits.last_email_click_at
    from profiles
    inner join profile_traits
        on profiles.profile_id = profile_traits.profile_id
    where
        profiles.is_email_reachable
        and profiles.email_consented_at is not null
        and (
            profile_traits.last_email_click_at > {{ dbt.dateadd('day', -180, as_of()) }}
            or profile_traits.last_seen_at > {{ dbt.dateadd('day', -365, as_of()) }}
        )

)

select * from final
