-- Grain: one row per metric, identifier type and detail: the refused links' part of
-- identity_health, as it is now.
-- A view: identity_health reads it once a run and keeps the history.
{{ config(materialized='view') }}

with refusals as (
    select
        limit_type,
        limit_max
    from {{ ref('identity_refusals') }}
),

by_limit as (
    select
        case when limit_max is null then 'any' else limit_type end as identifier_type,
        coalesce('at most ' || cast(limit_max as varchar), limit_type) as reason,
        count(*) as count_links
    from refusals
    group by limit_type, limit_max
),

all_limits as (
    select count(*) as count_links from refusals
),

final as (
    {{ health_rows('refusals', 'all_limits', 'count_links') }}
    union all
    {{ health_rows(
        'refusals_by_limit', 'by_limit', 'count_links',
        whole='sum(count_links) over ()',
        identifier_type='identifier_type',
        detail='reason',
        position='row_number() over (order by count_links desc, identifier_type, reason)',
    ) }}
)

select * from final
