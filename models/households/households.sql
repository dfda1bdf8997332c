-- Grain: one row per household. Only people who are in profiles are counted.
with

household_map as (

    select * from {{ ref('household_map') }}

),

living_people as (

    select * from {{ ref('living_people') }}

),

final as (

    select
        household_map.household_id,
        count(*) as count_people,
        min(living_people.first_seen_at) as first_seen_at,
        max(living_people.last_seen_at) as last_seen_at
    from household_map
    inner join living_people on household_map.profile_id = living_people.profile_id
    group by household_map.household_id

)

select * from final
