{# Which identifiers to count the neighbours of, as SQL: those of which an edge came or went, and what a killed run wrote. #}
{% macro recounted_nodes() %}
    with turned as (
        select news.a, news.b
        from {{ ref('identity_edge_news') }} as news
        left join {{ stored_state('identity_edges') }} as stored
            on
                news.a = stored.a
                and news.b = stored.b
                and news.source = stored.source
                and stored.rule = 'same_record'
        where
            news.rule = 'same_record'
            and news.is_stated <> (stored.a is not null and {{ is_stated_edge('stored') }})
    )

    select a as node_seq from turned
    union
    select b as node_seq from turned
    union
    select node_seq from {{ this }} where coalesce(batch, 0) > {{ finished_batch() }}
{% endmacro %}

{# The pairs that a record states now, as SQL: those of the news, and the stored ones that are none.

   nodes: a CTE, or none for all; only pairs of which it has an end. #}
{% macro stated_pairs(nodes) %}
    {%- set near = '' if nodes is none else
        'and (edges.a in (select node_seq from ' ~ nodes ~ ') or edges.b in (select node_seq from ' ~ nodes ~ '))' -%}
    select edges.a, edges.b
    from {{ ref('identity_edge_news') }} as edges
    where edges.rule = 'same_record' and edges.is_stated {{ near }}
    {%- if not reads_everything() %}
    union all
    select edges.a, edges.b
    from {{ stored_state('identity_edges') }} as edges
    left join {{ ref('identity_edge_news') }} as news
        on edges.a = news.a and edges.b = news.b and edges.source = news.source and edges.rule = news.rule
    where edges.rule = 'same_record' and {{ is_stated_edge('edges') }} and news.a is null {{ near }}
    {%- endif %}
{% endmacro %}
