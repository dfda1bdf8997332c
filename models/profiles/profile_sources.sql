-- Grain: one row per person and attribute that the profile shows: where its value comes from.
with

profile_attributes as (

    select * from {{ ref('profile_attributes') }}

),

final as (

    select
        profile_id,
        attribute,
        value,
        source,
        observed_at,
        rule,
        count_candidates,
        is_suppressed
    from profile_attributes
    where
        rank_of_value = 1
        and rule is not null

)

select * from final
