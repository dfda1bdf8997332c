-- Grain: one visitor.
{% set both = ['page_viewed', 'page_pinged'] %}
{% set traits = {
    'sessions': trait_unique_count(both, 'session_id'),
    'page_views': trait_unique_count('page_viewed', 'view_id'),
} %}

with

profiles as (

    select * from {{ ref('profiles') }}

),

events as (

    select
        *,
        {{ json_text('properties', 'session_id') }} as session_id,
        {{ json_text('properties', 'view_id') }} as view_id
    from {{ ref('profile_events') }}

),

final as (

    {{ compute_traits(traits, people='profiles', events='events') }}

)

select * from final
