-- Grain: one row per batch: a run that changed anything of the identity graph, once all of it is
-- written. A run that was killed has none, and the next one takes what it wrote for news.
-- Changed rules are a batch too, even if they changed nobody.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_scanned') }}
-- depends_on: {{ ref('identity_aliases') }}
with edges as (
    select batch from {{ ref('identity_edges') }}
    where batch > {{ finished_batch() }}
),

shared as (
    select batch from {{ ref('identity_shared') }}
    where batch > {{ finished_batch() }}
),

labels as (
    select batch from {{ ref('identity_labels') }}
    where batch > {{ finished_batch() }}
),

changes as (
    select
        kind,
        batch
    from {{ ref('identity_changes') }}
    where batch > {{ finished_batch() }}
),

refusals as (
    select batch from {{ ref('identity_refusals') }}
    where batch > {{ finished_batch() }}
),

written as (
    select batch from edges
    union all
    select batch from shared
    union all
    select batch from labels
    union all
    select batch from refusals
    union all
    select {{ finished_batch() }} + 1 as batch
    where {{ 'false' if has_same_rules() else 'true' }}
),

turned as (
    select
        sum(case when kind = 'merge' then 1 else 0 end) as count_merges,
        sum(case when kind = 'split' then 1 else 0 end) as count_splits
    from changes
),

final as (
    select
        max(batch) as batch,
        {{ as_of() }} as finished_at,
        '{{ rules_hash() }}' as rules_hash,
        (select count(*) from edges) as count_edges,
        (select count(*) from labels) as count_labels,
        (select coalesce(turned.count_merges, 0) from turned) as count_merges,
        (select coalesce(turned.count_splits, 0) from turned) as count_splits,
        (select count(*) from refusals) as count_refusals
    from written
    having count(*) > 0
)

select * from final
