{# Joins the members of broken components to people, exactly as if their edges were taken one at a time by rank.

   All identifiers start alone. In each round, between groups of identifiers that are joined already:

   1. edges become edges between groups, of which the best of a pair is kept. A pair whose union is forbidden is dropped
      for good: groups only grow, and what two groups may not do no larger ones may (repair_settle_edges);
   2. a group's best edge is taken if it is the other group's best too: nothing that comes before it concerns either.
      A group that holds nothing limited and no end of an exclude need not wait for the other: it is welcome in
      whatever the other has become by then (repair_hooks);
   3. what is taken is a forest, which is contracted (contract_graph) into the groups of the next round.

   Limited identifiers in a chain, in the order of their ranks, are joined one a round. When a round leaves most of the
   edges, or few are left at all, the best of them are therefore taken one at a time, here (repair_by_hand). Each
   round settles the best edge at least, so this ends.

   Returns the SQL that yields (node_seq, root_seq) for every identifier that is not alone. #}
{% macro repair_rounds(members, edges, types, decisions) %}
    {% set groups, ranked, counts, barred = (
        work_relation('groups'), work_relation('ranked'), work_relation('counts'), work_relation('barred')
    ) %}
    {% set graph, pointers = work_relation('edges'), work_relation('pointers') %}
    {% set at_once = var('identity_repair_rows') | int %}
    {% do create_empty_work_table(groups, contraction_columns('node', 'parent')) %}
    {% do create_work_table(counts, repair_first_counts(members)) %}
    {% do create_work_table(barred, repair_first_barred(decisions)) %}
    {% do create_work_table(ranked, repair_first_edges(members, edges, decisions)) %}

    {% set state = namespace(round=0, left=1, before=0, settled=0, is_slow=false) %}
    {% for _ in range(20000) %}
        {% if state.left > 0 %}
            {% do run_query('insert into ' ~ counts ~ repair_settle_counts(counts, groups, state.round)) %}
            {% do run_query('insert into ' ~ barred ~ repair_settle_barred(barred, groups, state.round)) %}
            {% set left = insert_counted(
                ranked, repair_settle_edges(ranked, groups, counts, barred, types, state.round, state.settled)
            ) %}
            {% set state.is_slow = state.is_slow and left <= at_once or left > 0.8 * state.before and state.before > 0 %}
            {% set state.left, state.before, state.round = left, left, state.round + 1 %}
            {% if left > 0 and state.is_slow %}
                {% set state.settled = repair_by_hand(groups, ranked, counts, barred, types, state.round, at_once) %}
                {# The next round is one of sets again: it may be that only the best were slow. #}
                {% set state.before = 0 %}
            {% elif left > 0 %}
                {% do create_contraction(graph, pointers) %}
                {% set hooked = insert_counted(graph, repair_hooks(ranked, counts, barred, state.round)) %}
                {% set roots = contract_graph(graph, pointers, hooked) %}
                {% do run_query(
                    'insert into ' ~ groups ~ ' select ' ~ state.round ~ ', node_seq, root_seq from (' ~ roots
                    ~ ') as roots where node_seq <> root_seq'
                ) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if state.left > 0 %}
        {{ exceptions.raise_compiler_error(
            this.identifier ~ ': the limits are not settled after ' ~ state.round ~ ' rounds, '
            ~ state.left ~ ' edges are left. Raise the var identity_repair_rows (now ' ~ at_once ~ ')'
        ) }}
    {% endif %}
    {% do log(this.identifier ~ ': limits settled in ' ~ state.round ~ ' rounds', info=false) %}

    {# Whatever was joined in any round is one forest: its trees are the people. #}
    {% do create_contraction(graph, pointers) %}
    {% set joined = insert_counted(graph, 'select 0, parent, node from ' ~ groups) %}
    {{ return(contract_graph(graph, pointers, joined)) }}
{% endmacro %}
