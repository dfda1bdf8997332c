{# Takes people apart where a limit or an exclude says so, in every component that `reached` names.

   What counts is this, for each component on its own: its active edges are taken one at a time, the best first
   (identity_edge_ranks), and each is refused that would join two people who

   - both hold identifiers of a type and together more of it than `max_per_person` allows, or
   - hold the two ends of an exclude in force.

   An edge that somebody put in by hand is refused by no limit, and by no exclude that was decided before it.

   Only components that break a limit as a whole, or hold both ends of an exclude, are looked at. They are taken apart
   set by set and yet exactly so (repair_rounds).

   Returns the work table (node_seq, component_seq, canonical_seq) of the components that were looked at, none where
   there were none. Leaves the handover table `refused` (repair_refused). #}
{% macro repair_limits(reached, nodes, edges, rules, refusals, has_overrides) %}
    {% if not rules %}
        {{ return(none) }}
    {% endif %}
    {% set types, broken, members = work_relation('types'), work_relation('broken'), work_relation('members') %}
    {% set repaired, decisions = work_relation('repaired'), work_relation('decisions') %}
    {% do create_work_table(types, repair_types(nodes, rules)) %}
    {% do create_work_table(decisions, repair_decisions(edges, reached, has_overrides)) %}
    {% set limits = run_query('select count(max_per_person) from ' ~ types).rows[0][0] | int %}
    {% set count_broken = 0 %}
    {% if limits > 0 or has_overrides %}
        {% do create_work_table(broken, repair_broken(reached, nodes, types, decisions)) %}
        {% set count_broken = run_query('select count(*) from ' ~ broken).rows[0][0] | int %}
    {% endif %}

    {% if count_broken > 0 %}
        {% do create_work_table(members, repair_members(reached, nodes, broken, types)) %}
        {% set people = repair_rounds(members, edges, types, decisions) %}
        {% do create_work_table(repaired, repair_result(members, people)) %}
        {% do log(this.identifier ~ ': ' ~ count_broken ~ ' components broke a limit or an exclude', info=false) %}
        {% set refused = repair_refused(edges, repaired, members, types, decisions, reached, refusals) %}
        {% do hand_over('refused', refused) %}
        {% do drop_work_tables(repair_work_tables()) %}
        {{ return(repaired) }}
    {% endif %}
    {% if refusals %}
        {% do hand_over('refused', repair_nothing_refused(reached, refusals)) %}
    {% endif %}
    {% do drop_work_tables(['types', 'decisions', 'broken']) %}
    {{ return(none) }}
{% endmacro %}

{% macro repair_work_tables() %}
    {{ return([
        'types', 'decisions', 'broken', 'members', 'ranked', 'groups', 'counts', 'barred', 'edges', 'pointers',
    ]) }}
{% endmacro %}

{# What the rules say of every type that there is; a type that they do not name follows `default`. #}
{% macro repair_types(nodes, rules) %}
    with types as (
        select distinct identifier_type from {{ nodes }}
    ),

    rules as (
        select * from {{ rules }} where neighbour_type = 'any'
    )

    select
        types.identifier_type,
        coalesce(own.priority, fallback.priority) as priority,
        case
            when own.identifier_type is null then fallback.max_per_person else own.max_per_person
        end as max_per_person
    from types
    inner join rules as fallback on fallback.identifier_type = 'default'
    left join rules as own on types.identifier_type = own.identifier_type
{% endmacro %}

{# The decisions by hand inside one component, numbered by their moment, so that they compare as whole numbers. #}
{% macro repair_decisions(edges, reached, has_overrides) %}
    select
        edges.a,
        edges.b,
        edges.rule,
        edges.source,
        dense_rank() over (order by edges.last_seen_at nulls first) as decided,
        left_end.component_seq
    from {{ edges }} as edges
    inner join {{ reached }} as left_end on edges.a = left_end.node_seq
    inner join {{ reached }} as right_end on edges.b = right_end.node_seq
    where
        left_end.component_seq = right_end.component_seq
        and ((edges.rule = 'include' and edges.is_active) or (edges.rule = 'exclude' and edges.inactive_reason = 'excluded'))
        {%- if not has_overrides %}
        and false
        {%- endif %}
{% endmacro %}

{# The components that break a limit as a whole, or hold both ends of an exclude in force. #}
{% macro repair_broken(reached, nodes, types, decisions) %}
    with limited as (
        select
            nodes.node_seq,
            types.identifier_type,
            types.max_per_person
        from {{ nodes }} as nodes
        inner join {{ types }} as types on nodes.identifier_type = types.identifier_type
        where types.max_per_person is not null
    ),

    crowded as (
        select
            reached.component_seq
        from {{ reached }} as reached
        inner join limited on reached.node_seq = limited.node_seq
        group by reached.component_seq, limited.identifier_type
        having count(*) > min(limited.max_per_person)
    )

    select component_seq from crowded
    union
    select component_seq from {{ decisions }} where rule = 'exclude'
{% endmacro %}

{% macro repair_members(reached, nodes, broken, types) %}
    select
        reached.node_seq,
        reached.component_seq,
        types.identifier_type,
        types.priority,
        types.max_per_person
    from {{ reached }} as reached
    inner join {{ broken }} as broken on reached.component_seq = broken.component_seq
    inner join {{ nodes }} as nodes on reached.node_seq = nodes.node_seq
    inner join {{ types }} as types on nodes.identifier_type = types.identifier_type
{% endmacro %}

{% macro repair_result(members, people) %}
    select
        members.node_seq,
        members.component_seq,
        coalesce(people.root_seq, members.node_seq) as canonical_seq
    from {{ members }} as members
    left join ({{ people }}) as people on members.node_seq = people.node_seq
{% endmacro %}
