-- Grain: one row per edge (pair, rule, source) whose evidence may have changed, with all evidence
-- that there is for it now, in whatever part of staging. An edge that nothing states any more is
-- here too, without evidence.
{{ config(materialized='table') }}

-- depends_on: {{ ref('identity_probable_pairs') }}
with stored as (
    select
        a,
        b,
        rule,
        source
    from {{ stored_state('identity_edges') }} as edges
),

touched as (
    {{ touched_edges() }}
),

said as (
    {{ edge_evidence('touched') }}
),

stated as (
    select
        a,
        b,
        'same_record' as rule,
        source,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at,
        count(*) as count_records,
        cast(1 as double precision) as weight
    from said
    group by a, b, source
    union all
    select
        a,
        b,
        rule,
        source,
        first_seen_at,
        last_seen_at,
        count_records,
        weight
    from ({{ decided_edges() }}) as decided
),

-- Decisions are few: all of them are held against what is stored, every time.
before_now as (
    select
        a,
        b,
        'same_record' as rule,
        source
    from touched
    union all
    select
        a,
        b,
        rule,
        source
    from stored
    where rule <> 'same_record'
),

final as (
    select
        coalesce(stated.a, before_now.a) as a,
        coalesce(stated.b, before_now.b) as b,
        coalesce(stated.rule, before_now.rule) as rule,
        coalesce(stated.source, before_now.source) as source,
        stated.first_seen_at,
        stated.last_seen_at,
        stated.count_records,
        stated.weight,
        stated.a is not null as is_stated
    from stated
    full outer join before_now
        on
            stated.a = before_now.a
            and stated.b = before_now.b
            and stated.rule = before_now.rule
            and stated.source = before_now.source
)

select * from final
