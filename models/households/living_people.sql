-- Grain: one row per person in profiles, with the number of the person's oldest identifier.
-- Whoever asked to be erased is not in profiles, so no model in this folder knows of them.
with

profiles as (

    select
        profile_id,
        first_seen_at,
        last_seen_at
    from {{ ref('profiles') }}

),

labels as (

    select
        canonical_seq,
        component_seq
    from {{ ref('identity_labels') }}

),

numbers as (

    select
        canonical_seq as person_seq,
        min(component_seq) as component_seq
    from labels
    group by canonical_seq

),

final as (

    select
        numbers.person_seq,
        profiles.profile_id,
        numbers.component_seq,
        profiles.first_seen_at,
        profiles.last_seen_at
    from numbers
    inner join profiles on {{ profile_id('numbers.person_seq') }} = profiles.profile_id

)

select * from final
