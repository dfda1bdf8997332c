-- Grain: one row per person whose row in profile_trait_values is not true as of the run's moment,
-- and why. What is stored is compared with what it would be made of, so a run that was killed
-- leaves what it did not compute to the next.
with

profiles as (

    select * from {{ ref('profiles') }}

),

profile_timelines as (

    select * from {{ ref('profile_timelines') }}

),

stored as (

    {{ stored_traits() }}

),

defined as (

    select {{ trait_definition() }} as definition

),

compared as (

    select
        coalesce(profiles.profile_id, stored.profile_id) as profile_id,
        case
            when profiles.profile_id is null then 'gone'
            when stored.profile_id is null then 'new'
            when coalesce(stored.definition <> defined.definition, true) then 'definition'
            when
                coalesce(stored.fingerprint, -1) <> coalesce(profile_timelines.fingerprint, -1)
                then 'events'
            when stored.computed_at > {{ as_of() }} then 'moment'
            when stored.expires_at <= {{ as_of() }} then 'clock'
        end as reason,
        stored.computed_at as last_computed_at
    from profiles
    full outer join stored
        on profiles.profile_id = stored.profile_id
    left join profile_timelines
        on profiles.profile_id = profile_timelines.profile_id
    cross join defined

),

final as (

    select * from compared
    where reason is not null

)

select * from final
