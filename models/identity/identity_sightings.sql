-- Grain: one row per identifier that any contract mentions, those that are blocked among them.
-- An identifier counts wherever it is mentioned: an event or a consent makes a person known as much as a record does.
{{ config(materialized='table') }}

with mentions as (
    select identifier_type, identifier_value, observed_at as seen_at
    from {{ ref('identifiers') }}
    union all
    select identifier_type, identifier_value, occurred_at as seen_at
    from {{ ref('events') }}
    union all
    select identifier_type, identifier_value, observed_at as seen_at
    from {{ ref('traits') }}
    union all
    select identifier_type, identifier_value, occurred_at as seen_at
    from {{ ref('consents') }}
    union all
    select identifier_type, identifier_value, requested_at as seen_at
    from {{ ref('erasures') }}
),

blocked as (
    select identifier_type, value_pattern, because
    from {{ ref('blocked_identifiers') }}
),

sighted as (
    select
        identifier_type,
        identifier_value,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at
    from mentions
    where identifier_type is not null and not {{ is_missing_identifier('identifier_value') }}
    group by identifier_type, identifier_value
),

matched as (
    select
        sighted.identifier_type,
        sighted.identifier_value,
        min(blocked.because) as because
    from sighted
    inner join blocked
        on
            blocked.identifier_type in ('any', sighted.identifier_type)
            and lower(sighted.identifier_value) like blocked.value_pattern
    group by sighted.identifier_type, sighted.identifier_value
),

final as (
    select
        sighted.identifier_type,
        sighted.identifier_value,
        sighted.first_seen_at,
        sighted.last_seen_at,
        matched.because as blocked_because
    from sighted
    left join matched
        on
            sighted.identifier_type = matched.identifier_type
            and sighted.identifier_value = matched.identifier_value
)

select * from final
