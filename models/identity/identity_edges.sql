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

with edge_news as (
    select * from {{ ref('identity_edge_news') }}
),

shared as (
    select
        node_seq,
        reason,
        batch
    from {{ ref('identity_shared') }}
),

blocked as (
    {{ blocked_nodes() }}
),

{% if is_incremental() %}
stored as (
    select * from {{ this }}
),

judged_again as (
    select node_seq
    from shared
    where coalesce(batch, 0) > {{ finished_batch() }}
),

said as (
    select
        edge_news.a,
        edge_news.b,
        edge_news.rule,
        edge_news.source,
        -- What nothing states any more keeps the evidence that there was.
        case when edge_news.is_stated then edge_news.first_seen_at else stored.first_seen_at end
            as first_seen_at,
        case when edge_news.is_stated then edge_news.last_seen_at else stored.last_seen_at end
            as last_seen_at,
        case when edge_news.is_stated then edge_news.count_records else stored.count_records end
            as count_records,
        case when edge_news.is_stated then edge_news.weight else stored.weight end as weight,
        edge_news.is_stated
    from edge_news
    left join stored
        on
            edge_news.a = stored.a
            and edge_news.b = stored.b
            and edge_news.rule = stored.rule
            and edge_news.source = stored.source
    where edge_news.is_stated or stored.a is not null
    union all
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        stored.first_seen_at,
        stored.last_seen_at,
        stored.count_records,
        stored.weight,
        {{ is_stated_edge('stored') }} as is_stated
    from stored
    left join edge_news
        on
            stored.a = edge_news.a
            and stored.b = edge_news.b
            and stored.rule = edge_news.rule
            and stored.source = edge_news.source
    where
        edge_news.a is null
        and (
            stored.a in (select node_seq from judged_again)
            or stored.b in (select node_seq from judged_again)
        )
),
{% else %}
said as (
    select * from edge_news
    where is_stated
),
{% endif %}

reasoned as (
    select
        said.*,
        case
            when said.rule = 'exclude' and said.is_stated then 'excluded'
            when blocked_a.node_seq is not null or blocked_b.node_seq is not null then 'blocked'
            when not said.is_stated and said.source = 'by hand' then 'undone'
            when not said.is_stated then 'withdrawn'
            -- A decision by hand knows better than a count of neighbours.
            when said.rule <> 'include' then coalesce(shared_a.reason, shared_b.reason)
        end as inactive_reason
    from said
    left join shared as shared_a on said.a = shared_a.node_seq
    left join shared as shared_b on said.b = shared_b.node_seq
    left join blocked as blocked_a on said.a = blocked_a.node_seq
    left join blocked as blocked_b on said.b = blocked_b.node_seq
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
    {% if is_incremental() %}
    left join stored
        on
            reasoned.a = stored.a
            and reasoned.b = stored.b
            and reasoned.rule = stored.rule
            and reasoned.source = stored.source
    where
        stored.a is null
        or stored.batch is null
        or reasoned.inactive_reason is distinct from stored.inactive_reason
        or reasoned.count_records is distinct from stored.count_records
        or reasoned.weight is distinct from stored.weight
        or reasoned.first_seen_at is distinct from stored.first_seen_at
        or reasoned.last_seen_at is distinct from stored.last_seen_at
    {% endif %}
)

select * from final
