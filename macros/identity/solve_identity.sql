{# Solves what has changed in the identity graph, or all of it when `is_afresh`, in work tables of the calling model.

   Nothing but the stored labels says what was solved before, so a run that died half-way is simply found unsolved:

   - an active edge whose ends have different labels is new: the labels, not their members, are contracted;
   - an inactive edge whose ends share a label was withdrawn: that person is *released*, which means that all its
     identifiers start again from themselves. Nobody else is touched.

   Returns SQL texts: `start` yields (node_seq, previous_seq, start_seq), where every node starts, and `roots` yields
   (node_seq, root_seq), where a start leads if not to itself. #}
{% macro solve_identity(nodes, edges, labels, is_afresh) %}
    {% set released = work_relation('released') %}
    {% set graph = work_relation('edges') %}
    {% set pointers = work_relation('pointers') %}
    {% set start = identity_start(nodes, labels, released, is_afresh) %}
    {% set left = 0 %}

    {# `dbt compile` and its like render this too, and must not touch the warehouse. #}
    {% if execute and flags.WHICH in ['build', 'run', 'retry'] %}
        {% do create_work_table(released, identity_released(edges, labels)) %}
        {% do create_work_table(graph, contraction_table('a', 'b')) %}
        {% do create_work_table(pointers, contraction_table('node', 'parent')) %}
        {% set left = insert_counted(graph, identity_open_edges(edges, start)) %}
    {% endif %}

    {{ return({'start': start, 'roots': contract_graph(graph, pointers, left)}) }}
{% endmacro %}

{% macro contraction_table(left, right) %}
    select
        cast(0 as {{ dbt.type_int() }}) as round,
        cast(0 as {{ dbt.type_bigint() }}) as {{ left }},
        cast(0 as {{ dbt.type_bigint() }}) as {{ right }}
    where false
{% endmacro %}

{# The labels whose person has lost an edge. A pair of which one edge is active still holds together. #}
{% macro identity_released(edges, labels) %}
    select distinct left_end.canonical_seq
    from {{ edges }} as edges
    inner join {{ labels }} as left_end on edges.a = left_end.node_seq
    inner join {{ labels }} as right_end on edges.b = right_end.node_seq
    left join {{ edges }} as active
        on edges.a = active.a and edges.b = active.b and active.is_active
    where
        not edges.is_active
        and left_end.canonical_seq = right_end.canonical_seq
        and active.a is null
{% endmacro %}

{% macro identity_start(nodes, labels, released, is_afresh) %}
    select
        nodes.node_seq,
        labels.canonical_seq as previous_seq,
        {%- if is_afresh %}
        nodes.node_seq as start_seq
        {%- else %}
        case
            when labels.canonical_seq is null or released.canonical_seq is not null then nodes.node_seq
            else labels.canonical_seq
        end as start_seq
        {%- endif %}
    from {{ nodes }} as nodes
    left join {{ labels }} as labels on nodes.node_seq = labels.node_seq
    {%- if not is_afresh %}
    left join {{ released }} as released on labels.canonical_seq = released.canonical_seq
    {%- endif %}
{% endmacro %}

{% macro identity_open_edges(edges, start) %}
    with start_nodes as ({{ start }})

    select
        0 as round,
        left_end.start_seq as a,
        right_end.start_seq as b
    from {{ edges }} as edges
    inner join start_nodes as left_end on edges.a = left_end.node_seq
    inner join start_nodes as right_end on edges.b = right_end.node_seq
    where edges.is_active and left_end.start_seq <> right_end.start_seq
{% endmacro %}
