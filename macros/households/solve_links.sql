{# Finds what links hold together, by the contraction that identity is solved with, in work tables of the calling model.

   links: a relation with whole numbers in column `node`, of which all that share a value of `groups` (a list of columns)
   belong together; only rows that are is_active count. Every node of a group is tied to the smallest one in it: a star,
   not every pair, so that a group of n costs n - 1 edges.

   Everything is solved in each run and nothing is remembered, so there is nothing for a killed run to leave behind, and
   a run cannot differ from a full refresh. Returns the SQL of (node_seq, root_seq) for the nodes that have an edge. #}
{% macro solve_links(links, node, groups) %}
    {% set graph = work_relation('edges') %}
    {% set pointers = work_relation('pointers') %}
    {% set left = 0 %}
    {# `dbt compile` and its like render this too, and must not touch the warehouse. #}
    {% if execute and flags.WHICH in ['build', 'run', 'retry'] %}
        {% do create_contraction(graph, pointers) %}
        {% set left = insert_counted(graph, link_stars(links, node, groups)) %}
    {% endif %}
    {{ return(contract_graph(graph, pointers, left)) }}
{% endmacro %}

{% macro link_stars(links, node, groups) %}
    with grouped as (
        select
            {{ node }} as node,
            min({{ node }}) over (partition by {{ groups | join(', ') }}) as smallest
        from {{ links }}
        where is_active
    )

    select distinct
        0 as round,
        smallest as a,
        node as b
    from grouped
    where smallest < node
{% endmacro %}
