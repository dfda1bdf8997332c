-- Grain: one row per identifier that is seen anywhere and not blocked. Everything that wants a
-- person joins here.
-- A shared device or address is in it too, as a profile of its own.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
    post_hook="{{ forget_unmentioned() }}",
) }}

-- Written after it, so that all of a run agrees on whether everything is read.
-- depends_on: {{ ref('identity_blocked') }}
-- depends_on: {{ ref('identity_pairs') }}
-- depends_on: {{ ref('identity_news') }}
{% set has_moved %}
    {%- if reads_everything() -%} true
    {%- elif has_moved_labels() -%} batch > {{ finished_batch() }}
    {%- else -%} false
    {%- endif -%}
{% endset %}

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

-- Those that moved in this batch, or in one that was killed; when all is read, all.
moved_labels as (
    select
        node_seq,
        canonical_seq
    from {{ ref('identity_labels') }}
    where {{ has_moved }}
),

stored as (
    select
        node_seq,
        bucket,
        first_seen_at,
        last_seen_at
    from {{ stored_state('identity_map') }} as held
),

news as (
    select
        sighting_news.identifier_type,
        sighting_news.identifier_value,
        {{ profile_id('labels.canonical_seq') }} as profile_id,
        sighting_news.first_seen_at,
        sighting_news.last_seen_at,
        sighting_news.node_seq,
        sighting_news.bucket
    from sighting_news
    inner join labels on sighting_news.node_seq = labels.node_seq
    left join stored on sighting_news.node_seq = stored.node_seq
    where
        stored.node_seq is null
        or sighting_news.bucket is distinct from stored.bucket
        or sighting_news.first_seen_at is distinct from stored.first_seen_at
        or sighting_news.last_seen_at is distinct from stored.last_seen_at
),

-- Whoever is here already follows their label.
moved as (
    select
        held.identifier_type,
        held.identifier_value,
        {{ profile_id('moved_labels.canonical_seq') }} as profile_id,
        held.first_seen_at,
        held.last_seen_at,
        held.node_seq,
        held.bucket
    from {{ stored_state('identity_map') }} as held
    inner join moved_labels on held.node_seq = moved_labels.node_seq
    left join news on held.node_seq = news.node_seq
    where
        held.profile_id <> {{ profile_id('moved_labels.canonical_seq') }}
        and news.node_seq is null
),

final as (
    select * from news
    union all
    select * from moved
)

select * from final
