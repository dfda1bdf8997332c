{# The same-record edges (a, b, source) whose evidence may have changed, as SQL.

   They are found by what the records of the news say now and what they said when identity last read them. What a killed
   run wrote on edges is looked at again, for it may have read something else. When everything is read, every edge that
   there is may have lost its evidence. #}
{% macro touched_edges() %}
    {%- if reads_everything() %}
    select a, b, source from {{ stored_state('identity_edges') }} as edges where rule = 'same_record'
    {%- else %}
    with differences as (
        select a, b, source, seen_at, 1 as more from {{ ref('identity_pair_news') }}
        union all
        select a, b, source, seen_at, -1 as more
        from {{ stored_state('identity_pairs') }} as pairs
        where {{ is_news('record', 'pairs.bucket') }}
    ),

    changed as (
        select a, b, source from differences group by a, b, source, seen_at having sum(more) <> 0
    )

    select a, b, source from changed
    union
    select a, b, source
    from {{ stored_state('identity_edges') }} as edges
    where rule = 'same_record' and coalesce(batch, 0) > {{ finished_batch() }}
    {%- endif %}
{% endmacro %}

{# What records say for the touched edges (a, b, source, seen_at), in the news and in what was read before, as SQL. #}
{% macro edge_evidence(touched) %}
    {%- set same = 'pairs.a = touched.a and pairs.b = touched.b and pairs.source = touched.source' -%}
    select pairs.a, pairs.b, pairs.source, pairs.seen_at
    from {{ ref('identity_pair_news') }} as pairs
    {%- if not reads_everything() %}
    inner join {{ touched }} as touched on {{ same }}
    union all
    select pairs.a, pairs.b, pairs.source, pairs.seen_at
    from {{ stored_state('identity_pairs') }} as pairs
    inner join {{ touched }} as touched on {{ same }}
    where not {{ is_news('record', 'pairs.bucket') }}
    {%- endif %}
{% endmacro %}
