{# The statements that repair_rounds issues. `groups` (round, node, parent) says which group became part of which in a
   round; a group that is not in it stayed what it was. A group has the number of its oldest identifier. #}

{# The order in which edges are taken: what somebody decided by hand, the latest first; then what records state, the
   more certain first, as the less certain end says, and the earlier seen first; then what is only probable, the more
   probable first. #}
{% macro identity_edge_ranks(priority) -%}
    case edges.rule when 'include' then 0 when 'probable' then 2 else 1 end,
    case when edges.rule = 'include' then edges.last_seen_at end desc nulls last,
    case when edges.rule = 'probable' then edges.weight end desc nulls last,
    {{ priority }},
    edges.first_seen_at asc nulls last,
    edges.a,
    edges.b,
    edges.rule,
    edges.source
{%- endmacro %}

{% macro repair_first_edges(members, edges, decisions) %}
    with ranked as (
        select
            edges.a,
            edges.b,
            decisions.decided,
            row_number() over (
                order by {{ identity_edge_ranks('greatest(left_end.priority, right_end.priority)') }}
            ) as taken_as
        from {{ edges }} as edges
        inner join {{ members }} as left_end on edges.a = left_end.node_seq
        inner join {{ members }} as right_end on edges.b = right_end.node_seq
        left join {{ decisions }} as decisions
            on
                edges.a = decisions.a
                and edges.b = decisions.b
                and edges.rule = decisions.rule
                and decisions.rule = 'include'
        where edges.is_active
    )

    select
        cast(0 as {{ dbt.type_int() }}) as round,
        a,
        b,
        min(taken_as) as taken_as,
        max(decided) as decided
    from ranked
    group by a, b
{% endmacro %}

{# How many identifiers of each limited type a group holds. #}
{% macro repair_first_counts(members) %}
    select
        cast(0 as {{ dbt.type_int() }}) as round,
        node_seq as node,
        identifier_type,
        cast(1 as {{ dbt.type_bigint() }}) as held
    from {{ members }}
    where max_per_person is not null
{% endmacro %}

{# Which groups hold the two ends of an exclude. #}
{% macro repair_first_barred(decisions) %}
    select
        cast(0 as {{ dbt.type_int() }}) as round,
        a,
        b,
        decided
    from {{ decisions }}
    where rule = 'exclude'
{% endmacro %}

{% macro repair_settle_counts(counts, groups, round) %}
    select
        {{ round + 1 }} as round,
        coalesce(groups.parent, counts.node) as node,
        counts.identifier_type,
        sum(counts.held) as held
    from {{ counts }} as counts
    left join {{ groups }} as groups on groups.round = {{ round }} and counts.node = groups.node
    where counts.round = {{ round }}
    group by coalesce(groups.parent, counts.node), counts.identifier_type
{% endmacro %}

{# An exclude whose ends were joined all the same, by a later decision, forbids nothing any more. #}
{% macro repair_settle_barred(barred, groups, round) %}
    select
        {{ round + 1 }} as round,
        a,
        b,
        max(decided) as decided
    from ({{ repair_regrouped(barred, groups, round, ['decided']) }}) as barred
    where a <> b
    group by a, b
{% endmacro %}

{% macro repair_settle_edges(ranked, groups, counts, barred, types, round, settled) %}
    with best as (
        select
            a,
            b,
            min(taken_as) as taken_as,
            max(decided) as decided
        from ({{ repair_regrouped(ranked, groups, round, ['taken_as', 'decided']) }}) as regrouped
        where a <> b and taken_as > {{ settled }}
        group by a, b
    ),

    forbidden as (
        select best.taken_as
        from best
        inner join {{ counts }} as left_end on left_end.round = {{ round + 1 }} and best.a = left_end.node
        inner join {{ counts }} as right_end
            on
                right_end.round = {{ round + 1 }}
                and best.b = right_end.node
                and left_end.identifier_type = right_end.identifier_type
        inner join {{ types }} as types on left_end.identifier_type = types.identifier_type
        where best.decided is null and left_end.held + right_end.held > types.max_per_person
        union
        select best.taken_as
        from best
        inner join {{ barred }} as barred
            on barred.round = {{ round + 1 }} and best.a = barred.a and best.b = barred.b
        where best.decided is null or best.decided <= barred.decided
    )

    select
        {{ round + 1 }} as round,
        best.a,
        best.b,
        best.taken_as,
        best.decided
    from best
    left join forbidden on best.taken_as = forbidden.taken_as
    where forbidden.taken_as is null
{% endmacro %}

{# The pairs of a round with both ends replaced by what they have become part of. #}
{% macro repair_regrouped(pairs, groups, round, columns) %}
    select
        least(coalesce(left_end.parent, pairs.a), coalesce(right_end.parent, pairs.b)) as a,
        greatest(coalesce(left_end.parent, pairs.a), coalesce(right_end.parent, pairs.b)) as b
        {%- for column in columns %},
        pairs.{{ column }}
        {%- endfor %}
    from {{ pairs }} as pairs
    left join {{ groups }} as left_end on left_end.round = {{ round }} and pairs.a = left_end.node
    left join {{ groups }} as right_end on right_end.round = {{ round }} and pairs.b = right_end.node
    where pairs.round = {{ round }}
{% endmacro %}

{# The edges that are taken in a round: see repair_rounds, 2. #}
{% macro repair_hooks(ranked, counts, barred, round) %}
    with pairs as (
        select a, b, taken_as from {{ ranked }} where round = {{ round }}
    ),

    ends as (
        select a as node, taken_as from pairs
        union all
        select b as node, taken_as from pairs
    ),

    best as (
        select node, min(taken_as) as taken_as from ends group by node
    ),

    waiting as (
        select node from {{ counts }} where round = {{ round }}
        union
        select a as node from {{ barred }} where round = {{ round }}
        union
        select b as node from {{ barred }} where round = {{ round }}
    )

    select distinct
        0 as round,
        pairs.a,
        pairs.b
    from pairs
    inner join best on pairs.taken_as = best.taken_as
    left join best as other
        on
            pairs.taken_as = other.taken_as
            and other.node = case when best.node = pairs.a then pairs.b else pairs.a end
    left join waiting on best.node = waiting.node
    where other.node is not null or waiting.node is null
{% endmacro %}
