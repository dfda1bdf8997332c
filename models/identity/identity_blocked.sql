-- Grain: one row per identifier that any source mentions and that is blocked: it links nobody and
-- is in no profile.
-- Written after identity_edges, which learns from the difference what is blocked no more.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_buckets',
    on_schema_change='sync_all_columns',
    full_refresh=false,
    meta={'bucket_kind': 'identifier'},
) }}

-- depends_on: {{ ref('identity_news') }}
-- depends_on: {{ ref('identity_edges') }}
with final as (
    select
        identifier_type,
        identifier_value,
        blocked_because,
        first_seen_at,
        last_seen_at,
        node_seq,
        bucket
    from {{ ref('identity_sighting_news') }}
    where blocked_because is not null
)

select * from final
