-- Grain: one row per identifier that is seen anywhere and not blocked. Everything that wants a
-- person joins here.
-- A shared device or address is in it too, as a profile of its own.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
    post_hook="{{ forget_unmentioned() }}",
) }}

{% set reads_delta = not reads_everything() %}

with sighting_news as (
    select
        node_seq,
        identifier_type,
        identifier_value,
        first_seen_at,
        last_seen_at
    from {{ ref('identity_sighting_news') }}
    where blocked_because is null
),

labels as (
    select
        node_seq,
        canonical_seq,
        batch
    from {{ ref('identity_labels') }}
),

{% if reads_delta %}
stored_sightings as (
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
        {% if is_incremental() %}
        and node_seq in (
            select node_seq
            from labels
            where batch > {{ finished_batch() }}
        )
        {% endif %}
),

{% endif %}
touched as (
    select * from sighting_news
    {% if reads_delta %}
    union all
    select * from stored_sightings
    {% endif %}
),

named as (
    select
        touched.identifier_type,
        touched.identifier_value,
        {{ profile_id('labels.canonical_seq') }} as profile_id,
        touched.first_seen_at,
        touched.last_seen_at,
        touched.node_seq
    from touched
    inner join labels on touched.node_seq = labels.node_seq
),

stored as (
    select
        node_seq,
        profile_id,
        first_seen_at,
        last_seen_at
    from {{ stored_map() }} as map
),

final as (
    select named.*
    from named
    left join stored on named.node_seq = stored.node_seq
    where
        named.profile_id is distinct from stored.profile_id
        or named.first_seen_at is distinct from stored.first_seen_at
        or named.last_seen_at is distinct from stored.last_seen_at
)

select * from final
