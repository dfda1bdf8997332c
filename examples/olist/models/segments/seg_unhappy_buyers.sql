-- Grain: one row per person. People whose last review within half a year was a one or a two, and
-- who have not ordered since.
with

profile_events as (

    select * from {{ ref('profile_events') }}

),

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

reviews as (

    select
        profile_id,
        occurred_at as reviewed_at,
        {{ json_number('properties', 'score') }} as score
    from profile_events
    where
        event_name = 'order_reviewed'
        and occurred_at > {{ dbt.dateadd('day', -180, as_of()) }}

),

last_reviews as (

    select *
    from reviews
    qualify row_number() over (partition by profile_id order by reviewed_at desc, score) = 1

),

final as (

    select
        last_reviews.profile_id,
        cast(last_reviews.score as {{ dbt.type_int() }}) as review_score,
        last_reviews.reviewed_at
    from last_reviews
    left join profile_traits
        on last_reviews.profile_id = profile_traits.profile_id
    where
        last_reviews.score <= 2
        and (
            profile_traits.last_order_at is null
            or profile_traits.last_order_at < last_reviews.reviewed_at
        )

)

select * from final
