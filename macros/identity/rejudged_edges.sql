{# The edges to judge, as SQL: those of the news, with the evidence that there is now, and the stored ones of identifiers
   that became shared, or are shared no more. What nothing states any more keeps the evidence that there was. #}
{% macro rejudged_edges() %}
    {%- set evidence = ['first_seen_at', 'last_seen_at', 'count_records', 'weight'] -%}
    with turned as (
        select node_seq
        from {{ ref('identity_shared') }}
        where coalesce(batch, 0) > {{ finished_batch() }}
    )

    select
        news.a,
        news.b,
        news.rule,
        news.source,
        {%- for column in evidence %}
        case when news.is_stated then news.{{ column }} else stored.{{ column }} end as {{ column }},
        {%- endfor %}
        news.is_stated
    from {{ ref('identity_edge_news') }} as news
    left join {{ stored_state('identity_edges') }} as stored on {{ is_same_edge('news', 'stored') }}
    union all
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        {%- for column in evidence %}
        stored.{{ column }},
        {%- endfor %}
        {{ is_stated_edge('stored') }} as is_stated
    from {{ stored_state('identity_edges') }} as stored
    left join {{ ref('identity_edge_news') }} as news on {{ is_same_edge('news', 'stored') }}
    where
        news.a is null
        and (stored.a in (select node_seq from turned) or stored.b in (select node_seq from turned))
{% endmacro %}

{% macro is_same_edge(one, other) -%}
    {{ one }}.a = {{ other }}.a and {{ one }}.b = {{ other }}.b
        and {{ one }}.rule = {{ other }}.rule and {{ one }}.source = {{ other }}.source
{%- endmacro %}
