-- Grain: one row per edge (pair, rule, source) whose evidence may have changed, with all evidence
-- that there is for it now, in whatever part of staging. An edge that nothing states any more is
-- here too, without evidence.
-- What a killed run wrote on edges is news again: this one may read something else.
{{ config(materialized='table') }}

-- depends_on: {{ ref('identity_probable_pairs') }}
{% set is_delta = not reads_everything() %}

with pair_news as (
    select
        a,
        b,
        source,
        seen_at
    from {{ ref('identity_pair_news') }}
),

stored as (
    select
        a,
        b,
        rule,
        source,
        batch
    from {{ stored_edges() }} as edges
),

{% if is_delta %}
news as (
    select bucket
    from {{ ref('identity_news') }}
    where kind = 'record'
),

pairs as (
    select
        a,
        b,
        source,
        seen_at,
        bucket
    from {{ stored_pairs() }} as pairs
),

differences as (
    select
        a,
        b,
        source,
        seen_at,
        1 as count_more
    from pair_news
    union all
    select
        a,
        b,
        source,
        seen_at,
        -1 as count_more
    from pairs
    where bucket in (select bucket from news)
),

changed as (
    select
        a,
        b,
        source
    from differences
    group by a, b, source, seen_at
    having sum(count_more) <> 0
),

touched as (
    select
        a,
        b,
        source
    from changed
    union
    select
        a,
        b,
        source
    from stored
    where rule = 'same_record' and coalesce(batch, 0) > {{ finished_batch() }}
),

said as (
    select
        pair_news.a,
        pair_news.b,
        pair_news.source,
        pair_news.seen_at
    from pair_news
    inner join touched
        on
            pair_news.a = touched.a
            and pair_news.b = touched.b
            and pair_news.source = touched.source
    union all
    select
        pairs.a,
        pairs.b,
        pairs.source,
        pairs.seen_at
    from pairs
    inner join touched
        on
            pairs.a = touched.a
            and pairs.b = touched.b
            and pairs.source = touched.source
    where pairs.bucket not in (select bucket from news)
),

{% else %}
touched as (
    select
        a,
        b,
        source
    from stored
    where rule = 'same_record'
),

said as (
    select * from pair_news
),

{% endif %}
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
),

decided as (
    {{ decided_edges() }}
),

unsaid as (
    select
        touched.a,
        touched.b,
        'same_record' as rule,
        touched.source
    from touched
    left join stated
        on
            touched.a = stated.a
            and touched.b = stated.b
            and touched.source = stated.source
    where stated.a is null
    union all
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source
    from stored
    left join decided
        on
            stored.a = decided.a
            and stored.b = decided.b
            and stored.rule = decided.rule
            and stored.source = decided.source
    where stored.rule <> 'same_record' and decided.a is null
),

final as (
    select
        *,
        true as is_stated
    from stated
    union all
    select
        *,
        true as is_stated
    from decided
    union all
    select
        a,
        b,
        rule,
        source,
        cast(null as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(null as {{ dbt.type_timestamp() }}) as last_seen_at,
        cast(0 as {{ dbt.type_bigint() }}) as count_records,
        cast(null as double precision) as weight,
        false as is_stated
    from unsaid
)

select * from final
