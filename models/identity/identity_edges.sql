-- Grain: one row per pair of identifiers (a < b), rule and source that links them, kept for good
-- with its evidence.
-- Only active edges link. An edge that a rule switched off, or that its source no longer states,
-- says why. Only what differs is written, with the number of the batch.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['a', 'b', 'rule', 'source'],
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_edge_news') }}
with stored as (
    select * from {{ stored_state('identity_edges') }} as edges
),

judged as (
    {{ rejudged_edges() }}
),

shared as (
    select
        node_seq,
        reason
    from {{ ref('identity_shared') }}
    where reason is not null
),

blocked as (
    {{ blocked_nodes() }}
),

reasoned as (
    select
        judged.*,
        case
            when judged.rule = 'exclude' and judged.is_stated then 'excluded'
            when blocked_a.node_seq is not null or blocked_b.node_seq is not null then 'blocked'
            when not judged.is_stated and judged.source = 'by hand' then 'undone'
            when not judged.is_stated then 'withdrawn'
            -- A decision by hand knows better than a count of neighbours.
            when judged.rule <> 'include' then coalesce(shared_a.reason, shared_b.reason)
        end as inactive_reason
    from judged
    left join shared as shared_a on judged.a = shared_a.node_seq
    left join shared as shared_b on judged.b = shared_b.node_seq
    left join blocked as blocked_a on judged.a = blocked_a.node_seq
    left join blocked as blocked_b on judged.b = blocked_b.node_seq
),

final as (
    select
        reasoned.a,
        reasoned.b,
        reasoned.rule,
        reasoned.source,
        reasoned.first_seen_at,
        reasoned.last_seen_at,
        reasoned.count_records,
        reasoned.weight,
        reasoned.inactive_reason is null as is_active,
        reasoned.inactive_reason,
        {{ next_batch() }} as batch
    from reasoned
    left join stored on {{ is_same_edge('reasoned', 'stored') }}
    where
        stored.batch is null
        or reasoned.inactive_reason is distinct from stored.inactive_reason
        or reasoned.count_records is distinct from stored.count_records
        or reasoned.weight is distinct from stored.weight
        or reasoned.first_seen_at is distinct from stored.first_seen_at
        or reasoned.last_seen_at is distinct from stored.last_seen_at
)

select * from final
