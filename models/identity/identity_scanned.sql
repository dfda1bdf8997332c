-- Grain: one row per part of staging (kind and bucket), with what was in it when identity last
-- read it to the end.
-- identity_news reads it by name, before this model is built: all that the news led to has to be
-- stored first.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['kind', 'bucket'],
    on_schema_change='sync_all_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_edges') }}
-- depends_on: {{ ref('identity_pairs') }}
-- depends_on: {{ ref('identity_blocked') }}
-- depends_on: {{ ref('identity_map') }}
with final as (
    select
        kind,
        bucket,
        fingerprint
    from {{ ref('identity_news') }}
    where kind <> 'everything'
)

select * from final
