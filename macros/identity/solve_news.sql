{# Solves what changed since the last finished batch, from the edges that changed alone; see solve_identity.

   - An active edge whose ends are in different components joins them: components are contracted, not their nodes.
   - An edge that no longer links, inside one component, *releases* it: its nodes start again from themselves, and its
     active edges are read again. Nobody else's are.
   - Every component that an edge of the news touches is `reached`, whether it moves or not: its limits are looked at.

   A run that died half-way needs no care: what it wrote is news still, and labels that it had moved are simply found
   where they should be. #}
{% macro solve_news(reached, nodes, edges, labels, finished, highest_label) %}
    {% set news, ends, released = work_relation('news'), work_relation('ends'), work_relation('released') %}
    {% set freed = work_relation('freed') %}
    {% set graph, pointers = work_relation('edges'), work_relation('pointers') %}
    {% do create_work_table(news, identity_news_edges(edges, finished)) %}
    {% do create_work_table(ends, identity_news_ends(news, labels)) %}
    {% do create_work_table(released, identity_released(news, ends, edges)) %}
    {% do create_work_table(freed, identity_freed(labels, released)) %}
    {% do create_contraction(graph, pointers) %}
    {% set left = insert_counted(graph, identity_open_edges(news, ends, released, freed, edges, finished)) %}
    {% set roots = contract_graph(graph, pointers, left) %}
    {% do create_work_table(reached, identity_reached(nodes, labels, ends, released, roots, highest_label)) %}
    {% do drop_work_tables(news_work_tables()) %}
{% endmacro %}

{% macro news_work_tables() %}
    {{ return(['news', 'ends', 'released', 'freed', 'edges', 'pointers']) }}
{% endmacro %}

{% macro identity_news_edges(edges, finished) %}
    select a, b, rule, is_active from {{ edges }} as edges where edges.batch > {{ finished }}
{% endmacro %}

{# The component of every node that the news names; null when it is new itself. #}
{% macro identity_news_ends(news, labels) %}
    with named as (
        select a as node_seq from {{ news }}
        union
        select b as node_seq from {{ news }}
    )

    select
        named.node_seq,
        labels.component_seq
    from named
    left join {{ labels }} as labels on named.node_seq = labels.node_seq
{% endmacro %}

{# The components that have lost an edge. A pair of which another edge is active still holds together. #}
{% macro identity_released(news, ends, edges) %}
    with lost as (
        select news.a, news.b, left_end.component_seq
        from {{ news }} as news
        inner join {{ ends }} as left_end on news.a = left_end.node_seq
        inner join {{ ends }} as right_end on news.b = right_end.node_seq
        where
            not news.is_active
            and news.rule <> 'exclude'
            and left_end.component_seq = right_end.component_seq
    ),

    held as (
        select edges.a, edges.b
        from {{ edges }} as edges
        inner join lost on edges.a = lost.a and edges.b = lost.b
        where edges.is_active
    )

    select distinct lost.component_seq
    from lost
    left join held on lost.a = held.a and lost.b = held.b
    where held.a is null
{% endmacro %}

{# The nodes of the released components. #}
{% macro identity_freed(labels, released) %}
    select labels.node_seq
    from {{ labels }} as labels
    inner join {{ released }} as released on labels.component_seq = released.component_seq
{% endmacro %}

{# The graph to contract. Of what is no news, both ends were in one component, so one end says that it is freed. #}
{% macro identity_open_edges(news, ends, released, freed, edges, finished) %}
    with starts as (
        select
            ends.node_seq,
            case
                when ends.component_seq is null or released.component_seq is not null then ends.node_seq
                else ends.component_seq
            end as start_seq
        from {{ ends }} as ends
        left join {{ released }} as released on ends.component_seq = released.component_seq
    ),

    opened as (
        select left_end.start_seq as a, right_end.start_seq as b
        from {{ news }} as news
        inner join starts as left_end on news.a = left_end.node_seq
        inner join starts as right_end on news.b = right_end.node_seq
        where news.is_active
        union all
        select edges.a, edges.b
        from {{ edges }} as edges
        inner join {{ freed }} as freed on edges.a = freed.node_seq
        where edges.is_active and edges.batch <= {{ finished }}
    )

    select 0 as round, a, b from opened where a <> b
{% endmacro %}

{# Every node of every component that is touched, with where it ends up. #}
{% macro identity_reached(nodes, labels, ends, released, roots, highest_label) %}
    with roots as (
        {{ roots }}
    ),

    touched as (
        select distinct
            ends.component_seq,
            case
                when released.component_seq is null then coalesce(roots.root_seq, ends.component_seq)
            end as reached_seq
        from {{ ends }} as ends
        left join {{ released }} as released on ends.component_seq = released.component_seq
        left join roots on ends.component_seq = roots.node_seq
        where ends.component_seq is not null
    )

    select
        labels.node_seq,
        labels.component_seq as previous_component_seq,
        labels.canonical_seq as previous_seq,
        coalesce(touched.reached_seq, roots.root_seq, labels.node_seq) as component_seq
    from {{ labels }} as labels
    inner join touched on labels.component_seq = touched.component_seq
    left join roots on labels.node_seq = roots.node_seq
    union all
    select
        nodes.node_seq,
        null as previous_component_seq,
        null as previous_seq,
        coalesce(roots.root_seq, nodes.node_seq) as component_seq
    from {{ nodes }} as nodes
    left join roots on nodes.node_seq = roots.node_seq
    where nodes.node_seq > {{ highest_label }}
{% endmacro %}
