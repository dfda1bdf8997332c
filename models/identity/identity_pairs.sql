-- Grain: one row per record and pair of identifiers (a < b) that it names, as the sources say it
-- now. What is blocked is left out.
-- Written after identity_edges, which learns from the difference what is not stated any more.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_buckets',
    on_schema_change='sync_all_columns',
    full_refresh=false,
    meta={'bucket_kind': 'record'},
) }}

-- depends_on: {{ ref('identity_news') }}
-- depends_on: {{ ref('identity_edges') }}
with final as (
    select
        source,
        record_id,
        a,
        b,
        seen_at,
        bucket
    from {{ ref('identity_pair_news') }}
)

select * from final
