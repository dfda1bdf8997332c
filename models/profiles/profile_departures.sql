-- Grain: one row per profile that there was and is no more, and what became of it. An erased
-- profile counts as erased, even when it was merged before or after.
with

identity_changes as (

    select * from {{ ref('identity_changes') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

living as (

    select distinct profile_id from identity_map

),

gone as (

    select
        identifier_value as profile_id,
        'erased' as reason
    from suppressions
    where identifier_type = 'profile_id'

    union all

    select
        identity_changes.profile_id_from as profile_id,
        'merged' as reason
    from identity_changes
    left join living
        on identity_changes.profile_id_from = living.profile_id
    where
        identity_changes.kind = 'merge'
        and living.profile_id is null

),

final as (

    select
        profile_id,
        min(reason) as reason
    from gone
    group by profile_id

)

select * from final
