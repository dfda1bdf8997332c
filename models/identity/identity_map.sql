-- Grain: one row per identifier that is seen anywhere and not blocked. Everything that wants a
-- person joins here.
-- A shared device or address is in it too, as a profile of its own.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{{ follow_moved_labels() }}",
    post_hook="{{ forget_unmentioned() }}",
) }}

-- depends_on: {{ ref('identity_news') }}
{% set has_map = is_incremental() and has_stored_state('identity_map', {'node_seq': ''}) %}

with sighting_news as (
    select
        node_seq,
        identifier_type,
        identifier_value,
        first_seen_at,
        last_seen_at
    from {{ ref('identity_sighting_news') }}
    where blocked_because is null
    {% if not has_map and not reads_everything() %}
    -- The map is gone and what it was made of is not.
    union all
    select
        node_seq,
        identifier_type,
        identifier_value,
        first_seen_at,
        last_seen_at
    from {{ stored_sightings() }} as sightings
    where
        blocked_because is null
        and bucket not in (
            select bucket
            from {{ ref('identity_news') }}
            where kind = 'identifier'
        )
    {% endif %}
),

labels as (
    select
        node_seq,
        canonical_seq
    from {{ ref('identity_labels') }}
),

-- Whoever is here already has followed their label, before this.
stored as (
    select
        node_seq,
        first_seen_at,
        last_seen_at
    from {{ stored_map() }} as map
),

news as (
    select
        sighting_news.identifier_type,
        sighting_news.identifier_value,
        sighting_news.first_seen_at,
        sighting_news.last_seen_at,
        sighting_news.node_seq
    from sighting_news
    left join stored on sighting_news.node_seq = stored.node_seq
    where
        stored.node_seq is null
        or sighting_news.first_seen_at is distinct from stored.first_seen_at
        or sighting_news.last_seen_at is distinct from stored.last_seen_at
),

final as (
    select
        news.identifier_type,
        news.identifier_value,
        {{ profile_id('labels.canonical_seq') }} as profile_id,
        news.first_seen_at,
        news.last_seen_at,
        news.node_seq
    from news
    inner join labels on news.node_seq = labels.node_seq
)

select * from final
