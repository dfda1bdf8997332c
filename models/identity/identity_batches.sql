-- Grain: one row per batch: a run that changed anything of the identity graph, once all of it is
-- written. A run that was killed has none, and the next one takes what it wrote for news.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_changes') }}
-- depends_on: {{ ref('identity_map') }}
with labels as (
    select batch from {{ ref('identity_labels') }}
),

edges as (
    select batch from {{ ref('identity_edges') }}
),

written as (
    select batch from labels
    union all
    select batch from edges
),

final as (
    select
        max(batch) as batch,
        {{ as_of() }} as finished_at
    from written
    having max(batch) > {{ finished_batch() }}
)

select * from final
