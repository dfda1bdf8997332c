-- Grain: one row per identifier that any contract mentions, those that are blocked among them.
-- Written after identity_map, which learns from the difference who is not mentioned any more.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_buckets',
    on_schema_change='append_new_columns',
    full_refresh=false,
    meta={'bucket_kind': 'identifier'},
) }}

-- depends_on: {{ ref('identity_news') }}
-- depends_on: {{ ref('identity_edges') }}
-- depends_on: {{ ref('identity_map') }}
with final as (
    select
        identifier_type,
        identifier_value,
        first_seen_at,
        last_seen_at,
        blocked_because,
        node_seq,
        bucket
    from {{ ref('identity_sighting_news') }}
)

select * from final
