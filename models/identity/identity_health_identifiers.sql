-- Grain: one row per metric, identifier type and detail: the identifiers' part of identity_health,
-- as it is now.
-- A view: identity_health reads it once a run and keeps the history.
{{ config(materialized='view') }}

with seen as (
    select
        identifier_type,
        cast(null as varchar) as reason,
        count(*) as count_identifiers
    from {{ ref('identity_map') }}
    group by identifier_type
    union all
    select
        identifier_type,
        blocked_because as reason,
        count(*) as count_identifiers
    from {{ ref('identity_blocked') }}
    group by identifier_type, blocked_because
),

shared as (
    select
        node_seq,
        reason
    from {{ ref('identity_shared') }}
    where reason is not null
),

nodes as (
    select
        node_seq,
        identifier_type
    from {{ ref('identity_nodes') }}
),

types as (
    select
        identifier_type,
        sum(count_identifiers) as count_identifiers
    from seen
    group by identifier_type
),

blocked as (
    select
        seen.*,
        types.count_identifiers as count_of_type
    from seen
    inner join types on seen.identifier_type = types.identifier_type
    where seen.reason is not null
),

shared_by_rule as (
    select
        nodes.identifier_type,
        shared.reason,
        count(*) as count_identifiers
    from shared
    inner join nodes on shared.node_seq = nodes.node_seq
    group by nodes.identifier_type, shared.reason
),

ruled as (
    select
        shared_by_rule.*,
        types.count_identifiers as count_of_type
    from shared_by_rule
    left join types on shared_by_rule.identifier_type = types.identifier_type
),

totals as (
    select
        (select coalesce(sum(count_identifiers), 0) from types) as count_seen,
        (select coalesce(sum(count_identifiers), 0) from blocked) as count_blocked,
        (select coalesce(sum(count_identifiers), 0) from ruled) as count_shared
),

final as (
    {{ health_rows('identifiers', 'totals', 'count_seen') }}
    union all
    {{ health_rows('blocked_identifiers', 'totals', 'count_blocked', whole='count_seen') }}
    union all
    {{ health_rows('shared_identifiers', 'totals', 'count_shared', whole='count_seen') }}
    union all
    {{ health_parts('identifiers_by_type', 'types', "'all'", 'sum(count_identifiers) over ()') }}
    union all
    {{ health_parts('blocked_identifiers_by_reason', 'blocked', 'reason', 'count_of_type') }}
    union all
    {{ health_parts('shared_identifiers_by_rule', 'ruled', 'reason', 'count_of_type') }}
)

select * from final
