{# Finds the connected components of a graph by contraction, in SQL statements that this macro issues in a loop.

   `edges` holds (round, a, b) with the graph in round 0, and `pointers` (round, node, parent) is empty; both are work
   tables with whole-number nodes that are never null. `left` is the number of edges. A graph that is stored elsewhere
   need not be copied: `source` is then a query for its (a, b), and `edges` is empty. Two statements a round:

   1. every node gets a parent in its own component, the smallest of itself and its neighbours, and the parents are
      followed twice, so that most pointers end at a local root;
   2. both ends of every edge are replaced by their parents; what is no loop is the next round's graph. The number
      of rows that this writes is the loop's condition.

   Any such pointers keep components together, so they need not be followed to the end. A component's smallest node
   stays its own parent in every round, so what remains in the end is the smallest node: the root.

   A chain in the order of its numbers hardly shrinks that way: its pointers form one long path. When a round
   leaves more than 60 % of the edges, the next one points at the smallest *neighbour* instead. Then the only
   cycles are pairs, whose smaller node becomes a root, every tree has two nodes or more, and with the pointers
   followed far enough each such round at least halves the graph.

   Returns the SQL that yields (node_seq, root_seq) for every node that has an edge. #}
{% macro contract_graph(edges, pointers, left, source=none) %}
    {% set state = namespace(round=0, left=left, doublings=2, is_stubborn=false) %}
    {% for _ in range(64) %}
        {% if state.left > 0 %}
            {% set graph = '(' ~ source ~ ')' if source and state.round == 0
                else '(select a, b from ' ~ edges ~ ' where round = ' ~ state.round ~ ')' %}
            {% do run_query(
                'insert into ' ~ pointers ~ contraction_pointers(graph, state.round, state.doublings, state.is_stubborn)
            ) %}
            {% set left = insert_counted(edges, contraction_edges(graph, pointers, state.round)) %}
            {% set state.is_stubborn = left > 0.6 * state.left %}
            {% set state.doublings = [2 * state.doublings, 24] | min if state.is_stubborn else 2 %}
            {% set state.left = left %}
            {% set state.round = state.round + 1 %}
        {% endif %}
    {% endfor %}
    {% if state.left > 0 %}
        {{ exceptions.raise_compiler_error('the graph in ' ~ edges ~ ' did not contract in 64 rounds: ' ~ state.left ~ ' edges are left') }}
    {% endif %}
    {% if execute %}
        {% do log(this.identifier ~ ': ' ~ left ~ ' edges contracted in ' ~ state.round ~ ' rounds', info=false) %}
    {% endif %}
    {{ return(contraction_roots(pointers, state.round)) }}
{% endmacro %}

{# Statement 1: the parents of one round, followed `doublings` times. #}
{% macro contraction_pointers(graph, round, doublings, is_stubborn) %}
    with neighbours as (
        select a as node, b as neighbour from {{ graph }} as edges
        union all
        select b as node, a as neighbour from {{ graph }} as edges
    ),

    smallest as (
        select node, min(neighbour) as neighbour from neighbours group by node
    ),

    parents_0 as (
        {%- if is_stubborn %}
        select
            mine.node,
            case
                when theirs.neighbour = mine.node and mine.node < mine.neighbour then mine.node
                else mine.neighbour
            end as parent
        from smallest as mine
        inner join smallest as theirs on mine.neighbour = theirs.node
        {%- else %}
        select node, least(node, neighbour) as parent from smallest
        {%- endif %}
    )

    {%- for step in range(doublings) %},

    parents_{{ step + 1 }} as (
        select child.node, parent.parent
        from parents_{{ step }} as child
        inner join parents_{{ step }} as parent on child.parent = parent.node
    )
    {%- endfor %}

    select {{ round }} as round, node, parent from parents_{{ doublings }}
{% endmacro %}

{# Statement 2: the next round's graph. #}
{% macro contraction_edges(graph, pointers, round) %}
    select distinct
        {{ round + 1 }} as round,
        least(left_end.parent, right_end.parent) as a,
        greatest(left_end.parent, right_end.parent) as b
    from {{ graph }} as edges
    inner join {{ pointers }} as left_end
        on left_end.round = {{ round }} and edges.a = left_end.node
    inner join {{ pointers }} as right_end
        on right_end.round = {{ round }} and edges.b = right_end.node
    where left_end.parent <> right_end.parent
{% endmacro %}

{# The two work tables of a contraction, without rows. #}
{% macro create_contraction(edges, pointers) %}
    {% do create_empty_work_table(edges, contraction_columns('a', 'b')) %}
    {% do create_empty_work_table(pointers, contraction_columns('node', 'parent')) %}
{% endmacro %}

{% macro contraction_columns(left, right) %}
    {{ return({'round': dbt.type_int(), left: dbt.type_bigint(), right: dbt.type_bigint()}) }}
{% endmacro %}

{# The last statement: the pointers of all rounds, followed one after the other. #}
{% macro contraction_roots(pointers, rounds) %}
    {%- set reached = namespace(parent='round_0.parent') -%}
    {%- set joins = [] -%}
    {%- for round in range(1, rounds) -%}
        {%- do joins.append(
            'left join ' ~ pointers ~ ' as round_' ~ round ~ ' on round_' ~ round ~ '.round = ' ~ round
            ~ ' and round_' ~ round ~ '.node = ' ~ reached.parent
        ) -%}
        {%- set reached.parent = 'coalesce(round_' ~ round ~ '.parent, ' ~ reached.parent ~ ')' -%}
    {%- endfor -%}
    select round_0.node as node_seq, {{ reached.parent }} as root_seq
    from {{ pointers }} as round_0
    {{ joins | join('\n    ') }}
    where round_0.round = 0
{% endmacro %}
