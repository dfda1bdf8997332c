-- Grain: one row per identifier of a part of staging that is news, as all contracts mention it now.
-- node_seq is its number in the registry: the one that it has, or, where is_new, the one that it
-- gets. A blocked value gets none.
-- An identifier counts wherever it is mentioned: an event or a consent makes a person known as much
-- as a record does.
{{ config(materialized='table') }}

with mentions as (
    {{ identifier_mentions() }}
),

news as (
    select bucket
    from {{ ref('identity_news') }}
    where kind = 'identifier'
),

blocked as (
    select
        identifier_type,
        value_pattern,
        because,
        value_pattern <> replace(replace(value_pattern, '%', ''), '_', '') as is_pattern
    from {{ ref('blocked_identifiers') }}
),

registered as (
    select
        node_seq,
        identifier_type,
        identifier_value
    from {{ stored_nodes() }} as nodes
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
        and not {{ is_missing_identifier('identifier_value') }}
        {% if not reads_everything() %}
        and {{ bucket_of(['identifier_type', 'identifier_value']) }} in (select bucket from news)
        {% endif %}
    group by identifier_type, identifier_value
),

-- Most of the list are whole values, which a hash join finds; only the rest is compared pattern by
-- pattern, and only with identifiers of the pattern's type.
matches as (
    select
        sighted.identifier_type,
        sighted.identifier_value,
        blocked.because
    from sighted
    inner join blocked on lower(sighted.identifier_value) = blocked.value_pattern
    where not blocked.is_pattern and blocked.identifier_type in ('any', sighted.identifier_type)
    union all
    select
        sighted.identifier_type,
        sighted.identifier_value,
        blocked.because
    from sighted
    inner join blocked
        on
            sighted.identifier_type = blocked.identifier_type
            and lower(sighted.identifier_value) like blocked.value_pattern
    where blocked.is_pattern
    union all
    select
        sighted.identifier_type,
        sighted.identifier_value,
        blocked.because
    from sighted
    inner join blocked on lower(sighted.identifier_value) like blocked.value_pattern
    where blocked.is_pattern and blocked.identifier_type = 'any'
),

matched as (
    select
        identifier_type,
        identifier_value,
        min(because) as because
    from matches
    group by identifier_type, identifier_value
),

judged as (
    select
        sighted.*,
        registered.node_seq,
        coalesce({{ malformed_identifier('sighted.identifier_value') }}, matched.because)
            as blocked_because
    from sighted
    left join matched
        on
            sighted.identifier_type = matched.identifier_type
            and sighted.identifier_value = matched.identifier_value
    left join registered
        on
            sighted.identifier_type = registered.identifier_type
            and sighted.identifier_value = registered.identifier_value
),

final as (
    select
        identifier_type,
        identifier_value,
        bucket,
        node_seq,
        first_seen_at,
        last_seen_at,
        blocked_because,
        false as is_new
    from judged
    where node_seq is not null or blocked_because is not null
    union all
    select
        judged.identifier_type,
        judged.identifier_value,
        judged.bucket,
        highest.node_seq + row_number() over (
            order by
                judged.first_seen_at asc nulls last,
                judged.identifier_type asc,
                judged.identifier_value asc
        ) as node_seq,
        judged.first_seen_at,
        judged.last_seen_at,
        judged.blocked_because,
        true as is_new
    from judged
    cross join highest
    where judged.node_seq is null and judged.blocked_because is null
)

select * from final
