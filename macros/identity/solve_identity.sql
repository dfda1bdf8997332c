{# Solves what has changed in an identity graph, or all of it when `is_afresh`, in work tables of the calling model.

   nodes     (node_seq, identifier_type), numbered as they come: a new one is above every node that has a label
   edges     (a, b, rule, source, weight, is_active, inactive_reason, batch, first_seen_at, last_seen_at)
   labels    (node_seq, component_seq, canonical_seq) as the last run left them
   rules     (identifier_type, neighbour_type, priority, max_per_person), or none where there are no limits
   refusals  (a, b, rule, source) as the last run left them, or none
   finished  the last batch that was finished, as SQL: an edge with a higher one is news

   Returns the SQL that yields (node_seq, previous_component_seq, component_seq, previous_seq, canonical_seq) for
   every node whose component or person is another than the labels say. Leaves the handover table `refused`, see
   repair_limits. Where there is no news it asks one question and is done. What the SQL reads,
   `pointers`, `reached` and `repaired`, the model drops when it has read it; all other work tables are gone then. #}
{% macro solve_identity(nodes, edges, labels, rules, refusals, finished, is_afresh) %}
    {# `dbt compile` and its like render this too, and must not touch the warehouse. #}
    {% if not execute or flags.WHICH not in ['build', 'run', 'retry'] %}
        {{ return(identity_no_moves()) }}
    {% endif %}
    {% set reached = work_relation('reached') %}
    {% do drop_handover('refused') %}
    {% do drop_left_work_tables(['reached', 'repaired'] + news_work_tables() + repair_work_tables()) %}
    {% set found = run_query(identity_news_counted(nodes, edges, labels, rules, refusals, finished)).rows[0] %}
    {% set highest_node, highest_label, unsolved, news, overrides = (
        found[0] | int, found[1] | int, found[2] | int, found[3] | int, found[4] | int
    ) %}

    {% set keeps_apart = overrides + (found[5] | int) + (found[6] | int) > 0 %}

    {% if is_afresh or highest_label == 0 or unsolved > 0 %}
        {% set solved = solve_afresh(nodes, edges, labels) %}
        {% if not keeps_apart %}
            {# The model can write what was solved as it is read: it need not be a table first. #}
            {{ return(identity_moved('(' ~ solved ~ ')', none)) }}
        {% endif %}
        {% do create_work_table(reached, solved) %}
    {% elif news > 0 or highest_node > highest_label %}
        {% do solve_news(reached, nodes, edges, labels, finished, highest_label) %}
    {% else %}
        {{ return(identity_no_moves()) }}
    {% endif %}
    {% set repaired = repair_limits(reached, nodes, edges, rules, refusals, overrides > 0) %}
    {{ return(identity_moved(reached, repaired)) }}
{% endmacro %}

{# What there is to do. The labels of a warehouse that is older than components have none: it is solved afresh. #}
{% macro identity_news_counted(nodes, edges, labels, rules, refusals, finished) %}
    select
        (select coalesce(max(nodes.node_seq), 0) from {{ nodes }} as nodes) as highest_node,
        (select coalesce(max(labels.node_seq), 0) from {{ labels }} as labels) as highest_label,
        (select count(*) - count(labels.component_seq) from {{ labels }} as labels) as unsolved,
        (select count(*) from {{ edges }} as edges where edges.batch > {{ finished }}) as news,
        (select count(*) from {{ edges }} as edges where edges.rule in ('include', 'exclude')) as overrides,
        {{ '(select count(max_per_person) from ' ~ rules ~ ')' if rules else 0 }} as limits,
        {{ '(select count(*) from ' ~ refusals ~ ')' if refusals else 0 }} as refused
{% endmacro %}

{# Every node starts from itself, and all active edges are contracted. #}
{% macro solve_afresh(nodes, edges, labels) %}
    {% set graph, pointers = work_relation('edges'), work_relation('pointers') %}
    {% set active = 'select a, b from ' ~ edges ~ ' where is_active' %}
    {% set left = run_query('select count(*) from (' ~ active ~ ') as active').rows[0][0] | int %}
    {% do create_contraction(graph, pointers) %}
    {% set roots = contract_graph(graph, pointers, left, source=active) %}
    {% do drop_work_tables(['edges']) %}
    {{ return(identity_reached_afresh(nodes, labels, roots)) }}
{% endmacro %}

{% macro identity_reached_afresh(nodes, labels, roots) %}
    select
        nodes.node_seq,
        labels.component_seq as previous_component_seq,
        labels.canonical_seq as previous_seq,
        coalesce(roots.root_seq, nodes.node_seq) as component_seq
    from {{ nodes }} as nodes
    left join {{ labels }} as labels on nodes.node_seq = labels.node_seq
    left join ({{ roots }}) as roots on nodes.node_seq = roots.node_seq
{% endmacro %}

{% macro identity_moved(reached, repaired) %}
    {%- set person = 'coalesce(repaired.canonical_seq, reached.component_seq)' if repaired else 'reached.component_seq' %}
    select
        reached.node_seq,
        reached.previous_component_seq,
        reached.component_seq,
        reached.previous_seq,
        {{ person }} as canonical_seq
    from {{ reached }} as reached
    {%- if repaired %}
    left join {{ repaired }} as repaired on reached.node_seq = repaired.node_seq
    {%- endif %}
    where
        reached.previous_component_seq is distinct from reached.component_seq
        or reached.previous_seq is distinct from {{ person }}
{% endmacro %}

{% macro identity_no_moves() %}
    {%- set columns = ['node_seq', 'previous_component_seq', 'component_seq', 'previous_seq', 'canonical_seq'] -%}
    select
        {%- for column in columns %}
        cast(null as {{ dbt.type_bigint() }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
{% endmacro %}
