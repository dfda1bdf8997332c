-- Grain: one row per person, also those without any event: their counts are 0 and their times
-- null. Only what follows from a person's own events is here; what compares people, or is made of
-- other traits, is in profile_traits.
-- Only the people of profile_trait_news are computed, and only their events are read.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='profile_id',
        on_schema_change='sync_all_columns',
        post_hook="{{ forget_departed() }}",
    )
}}

-- depends_on: {{ ref('profile_events') }}
-- depends_on: {{ ref('profile_event_values') }}
-- depends_on: {{ ref('profile_trait_news') }}
with

profiles as (

    select * from {{ ref('profiles') }}
    {% if is_incremental() %}
        where profile_id in (select news.profile_id from {{ ref('profile_trait_news') }} as news)
    {% endif %}

),

{% if is_incremental() %}
profile_events as (

    select * from {{ ref('profile_events') }}
    where profile_id in (select news.profile_id from {{ ref('profile_trait_news') }} as news)

),
{% endif %}

profile_event_values as (

    {% if is_incremental() %}
        {{ event_values('profile_events') }}
    {% else %}
        select * from {{ ref('profile_event_values') }}
    {% endif %}

),

computed as (

    {{ compute_traits(stamped_traits(), people='profiles', events='profile_event_values') }}

),

final as (

    select
        *,
        {{ trait_definition() }} as definition,
        {{ as_of() }} as computed_at
    from computed

)

select * from final
