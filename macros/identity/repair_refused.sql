{# Which active edges of the members were refused, and by what: those that lead from one person to another.

   What refuses an edge is read off the result: two people whom an exclude or a limit keeps apart are kept apart by it
   for good, so it does not matter when the edge's turn came. An exclude that a later include overruled is named too
   (`included`): somebody decided both. Rows with `is_refused` false were refused before and are no longer. #}
{% macro repair_refused(edges, repaired, members, types, decisions, reached, refusals) %}
    with apart as (
        select
            edges.a,
            edges.b,
            edges.rule,
            edges.source,
            left_end.component_seq,
            least(left_end.canonical_seq, right_end.canonical_seq) as person_a,
            greatest(left_end.canonical_seq, right_end.canonical_seq) as person_b
        from {{ edges }} as edges
        inner join {{ repaired }} as left_end on edges.a = left_end.node_seq
        inner join {{ repaired }} as right_end on edges.b = right_end.node_seq
        where edges.is_active and left_end.canonical_seq <> right_end.canonical_seq
    ),

    decided as (
        select
            decisions.a,
            decisions.b,
            decisions.rule,
            decisions.source,
            decisions.component_seq,
            least(left_end.canonical_seq, right_end.canonical_seq) as person_a,
            greatest(left_end.canonical_seq, right_end.canonical_seq) as person_b
        from {{ decisions }} as decisions
        inner join {{ repaired }} as left_end on decisions.a = left_end.node_seq
        inner join {{ repaired }} as right_end on decisions.b = right_end.node_seq
        where decisions.rule = 'exclude'
    ),

    excluded as (
        select distinct person_a, person_b from decided where person_a <> person_b
    ),

    held as (
        select
            repaired.canonical_seq,
            members.identifier_type,
            min(members.max_per_person) as max_per_person,
            count(*) as held
        from {{ repaired }} as repaired
        inner join {{ members }} as members on repaired.node_seq = members.node_seq
        where members.max_per_person is not null
        group by repaired.canonical_seq, members.identifier_type
    ),

    people as (
        select distinct person_a, person_b from apart
    ),

    {#- Of several limits that the two would break, the first by name is named. #}
    crowded as (
        select
            people.person_a,
            people.person_b,
            min(left_end.identifier_type) as identifier_type
        from people
        inner join held as left_end on people.person_a = left_end.canonical_seq
        inner join held as right_end
            on
                people.person_b = right_end.canonical_seq
                and left_end.identifier_type = right_end.identifier_type
        where left_end.held + right_end.held > left_end.max_per_person
        group by people.person_a, people.person_b
    ),

    refused as (
        select
            apart.a,
            apart.b,
            apart.rule,
            apart.source,
            apart.component_seq,
            case when excluded.person_a is null then types.identifier_type else 'excluded' end as limit_type,
            case when excluded.person_a is null then types.max_per_person end as limit_max
        from apart
        left join excluded on apart.person_a = excluded.person_a and apart.person_b = excluded.person_b
        left join crowded on apart.person_a = crowded.person_a and apart.person_b = crowded.person_b
        left join {{ types }} as types on crowded.identifier_type = types.identifier_type
        union all
        select
            a,
            b,
            rule,
            source,
            component_seq,
            'included' as limit_type,
            null as limit_max
        from decided
        where person_a = person_b
    )

    select
        *,
        true as is_refused
    from refused
    {%- if refusals %}
    union all
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        stored.component_seq,
        stored.limit_type,
        stored.limit_max,
        false as is_refused
    from {{ refusals }} as stored
    inner join {{ reached }} as reached on stored.a = reached.node_seq
    left join refused
        on
            stored.a = refused.a
            and stored.b = refused.b
            and stored.rule = refused.rule
            and stored.source = refused.source
    where refused.a is null
    {%- endif %}
{% endmacro %}

{# The same where no component is broken: whatever was refused in the components that were reached is no longer. #}
{% macro repair_nothing_refused(reached, refusals) %}
    select
        stored.a,
        stored.b,
        stored.rule,
        stored.source,
        stored.component_seq,
        stored.limit_type,
        stored.limit_max,
        false as is_refused
    from {{ refusals }} as stored
    inner join {{ reached }} as reached on stored.a = reached.node_seq
{% endmacro %}
