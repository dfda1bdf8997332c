-- Grain: one row per identifier of a part of staging that is news, as all contracts mention it now.
-- node_seq is its number in the registry: the one that it has, or, where is_new, the one that it
-- gets. A value that was blocked from the start has none.
-- An identifier counts wherever it is mentioned: an event or a consent makes a person known as much
-- as a record does.
{{ config(materialized='table') }}

with mentions as (
    {{ identifier_mentions() }}
),

registered as (
    select
        node_seq,
        identifier_type,
        identifier_value
    from {{ stored_state('identity_nodes') }} as nodes
),

highest as (
    select coalesce(max(node_seq), 0) as node_seq
    from registered
),

sighted as (
    select
        identifier_type,
        identifier_value,
        {{ bucket_of(['identifier_type', 'identifier_value']) }} as bucket,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at
    from mentions
    where
        identifier_type is not null
        and identifier_value is not null
        and {{ is_news('identifier', bucket_of(['identifier_type', 'identifier_value'])) }}
    group by identifier_type, identifier_value
),

blocked as (
    {{ blocked_values('sighted') }}
),

judged as (
    select
        sighted.identifier_type,
        sighted.identifier_value,
        sighted.bucket,
        registered.node_seq,
        sighted.first_seen_at,
        sighted.last_seen_at,
        case
            when {{ is_missing_identifier('sighted.identifier_value') }} then 'no value'
            else coalesce({{ malformed_identifier('sighted.identifier_value') }}, blocked.because)
        end as blocked_because
    from sighted
    left join blocked
        on
            sighted.identifier_type = blocked.identifier_type
            and sighted.identifier_value = blocked.identifier_value
    left join registered
        on
            sighted.identifier_type = registered.identifier_type
            and sighted.identifier_value = registered.identifier_value
),

numbered as (
    select
        *,
        node_seq is null and blocked_because is null as is_new
    from judged
),

final as (
    select
        numbered.identifier_type,
        numbered.identifier_value,
        numbered.bucket,
        case
            when numbered.is_new
                then highest.node_seq + row_number() over (
                    -- Those that have a number are last, and in no order.
                    order by
                        numbered.is_new desc,
                        case when numbered.is_new then numbered.first_seen_at end asc nulls last,
                        case when numbered.is_new then numbered.identifier_type end asc,
                        case when numbered.is_new then numbered.identifier_value end asc
                )
            else numbered.node_seq
        end as node_seq,
        numbered.first_seen_at,
        numbered.last_seen_at,
        numbered.blocked_because,
        numbered.is_new
    from numbered
    cross join highest
)

select * from final
