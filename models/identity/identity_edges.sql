-- Grain: one row per pair of identifiers (a < b), rule and source that links them, kept for good
-- with its evidence.
-- Only active edges link. An edge that a rule switched off, or that its source no longer states,
-- says why.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['a', 'b', 'rule', 'source'],
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_nodes') }}
-- depends_on: {{ ref('identity_sightings') }}
with pairs as (
    select * from {{ ref('identity_pairs') }}
),

shared as (
    select * from {{ ref('identity_shared') }}
),

evidence as (
    select
        pairs.a,
        pairs.b,
        'same_record' as rule,
        pairs.source,
        pairs.first_seen_at,
        pairs.last_seen_at,
        pairs.count_records,
        cast(1 as double precision) as weight,
        shared_a.reason is null and shared_b.reason is null as is_active,
        coalesce(shared_a.reason, shared_b.reason) as inactive_reason
    from pairs
    left join shared as shared_a on pairs.a = shared_a.node_seq
    left join shared as shared_b on pairs.b = shared_b.node_seq
),

{% if is_incremental() %}
stored as (
    select * from {{ this }}
),

blocked as (
    select nodes.node_seq
    from {{ ref('identity_nodes') }} as nodes
    inner join {{ ref('identity_sightings') }} as sightings
        on
            nodes.identifier_type = sightings.identifier_type
            and nodes.identifier_value = sightings.identifier_value
    where sightings.blocked_because is not null
),

no_longer_stated as (
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        stored.first_seen_at,
        stored.last_seen_at,
        stored.count_records,
        stored.weight,
        false as is_active,
        case
            when blocked_a.node_seq is not null or blocked_b.node_seq is not null then 'blocked'
            else 'withdrawn'
        end as inactive_reason
    from stored
    left join evidence
        on
            stored.a = evidence.a
            and stored.b = evidence.b
            and stored.rule = evidence.rule
            and stored.source = evidence.source
    left join blocked as blocked_a on stored.a = blocked_a.node_seq
    left join blocked as blocked_b on stored.b = blocked_b.node_seq
    where evidence.a is null
),

said as (
    select * from evidence
    union all
    select * from no_longer_stated
),

final as (
    select
        said.*,
        {{ next_batch() }} as batch
    from said
    left join stored
        on
            said.a = stored.a
            and said.b = stored.b
            and said.rule = stored.rule
            and said.source = stored.source
    where
        stored.a is null
        or stored.batch is null
        or said.is_active <> stored.is_active
        or said.count_records <> stored.count_records
        or said.inactive_reason is distinct from stored.inactive_reason
        or said.first_seen_at is distinct from stored.first_seen_at
        or said.last_seen_at is distinct from stored.last_seen_at
)
{% else %}
    final as (
        select
            *,
            {{ next_batch() }} as batch
        from evidence
    )
{% endif %}

select * from final
