-- Grain: one row per person, also those without any event: their counts are 0 and their times
-- null. Only what follows from a person's own events is here; what compares people, or is made of
-- other traits, is in profile_traits.
with

profiles as (

    select * from {{ ref('profiles') }}

),

profile_event_values as (

    select * from {{ ref('profile_event_values') }}

),

computed as (

    {{ compute_traits(profile_trait_set(), people='profiles', events='profile_event_values') }}

),

final as (

    select
        *,
        {{ as_of() }} as computed_at
    from computed

)

select * from final
