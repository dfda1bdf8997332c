-- Grain: one row per identifier that any contract mentions, those that are blocked among them.
-- An identifier counts wherever it is mentioned: an event or a consent makes a person known as much
-- as a record does.
{{ config(materialized='table') }}

with mentions as (
    select
        identifier_type,
        identifier_value,
        observed_at as seen_at
    from {{ ref('identifiers') }}
    union all
    select
        identifier_type,
        identifier_value,
        occurred_at as seen_at
    from {{ ref('events') }}
    union all
    select
        identifier_type,
        identifier_value,
        observed_at as seen_at
    from {{ ref('traits') }}
    union all
    select
        identifier_type,
        identifier_value,
        occurred_at as seen_at
    from {{ ref('consents') }}
    union all
    select
        identifier_type,
        identifier_value,
        requested_at as seen_at
    from {{ ref('erasures') }}
),

blocked as (
    select
        identifier_type,
        value_pattern,
        because
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

-- Most of the list are whole values, which a hash join finds; only the rest is compared pattern by
-- pattern.
whole_values as (
    select
        identifier_type,
        value_pattern,
        because
    from blocked
    where value_pattern = replace(replace(value_pattern, '%', ''), '_', '')
),

patterns as (
    select
        identifier_type,
        value_pattern,
        because
    from blocked
    where value_pattern <> replace(replace(value_pattern, '%', ''), '_', '')
),

matches as (
    select
        sighted.identifier_type,
        sighted.identifier_value,
        whole_values.because
    from sighted
    inner join whole_values on lower(sighted.identifier_value) = whole_values.value_pattern
    where whole_values.identifier_type in ('any', sighted.identifier_type)
    union all
    select
        sighted.identifier_type,
        sighted.identifier_value,
        patterns.because
    from sighted
    inner join patterns on lower(sighted.identifier_value) like patterns.value_pattern
    where patterns.identifier_type in ('any', sighted.identifier_type)
),

matched as (
    select
        identifier_type,
        identifier_value,
        min(because) as because
    from matches
    group by identifier_type, identifier_value
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
