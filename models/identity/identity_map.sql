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

-- Written after it, so that all of a run agrees on whether everything is read.
-- depends_on: {{ ref('identity_blocked') }}
-- depends_on: {{ ref('identity_pairs') }}
-- depends_on: {{ ref('identity_news') }}
with sighting_news as (
    select
        node_seq,
        identifier_type,
        identifier_value,
        bucket,
        first_seen_at,
        last_seen_at
    from {{ ref('identity_sighting_news') }}
    where blocked_because is null
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
        bucket,
        first_seen_at,
        last_seen_at
    from {{ stored_state('identity_map') }} as map
),

news as (
    select
        sighting_news.identifier_type,
        sighting_news.identifier_value,
        sighting_news.first_seen_at,
        sighting_news.last_seen_at,
        sighting_news.node_seq,
        sighting_news.bucket
    from sighting_news
    left join stored on sighting_news.node_seq = stored.node_seq
    where
        stored.node_seq is null
        or sighting_news.bucket is distinct from stored.bucket
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
        news.node_seq,
        news.bucket
    from news
    inner join labels on news.node_seq = labels.node_seq
)

select * from final
