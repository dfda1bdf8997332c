{# The edges that no record states, as SQL: decisions by hand that were not undone, and probable pairs that count.

   first_seen_at and last_seen_at are the first and the last decision, or when the pair was scored. A pair whose ends are
   not both registered links nobody yet. #}
{% macro decided_edges() %}
    {% set probable = identity_probable() %}
    with nodes as (
        select node_seq, identifier_type, identifier_value from {{ ref('identity_nodes') }}
    ),

    links as (
        select
            kind as rule,
            'by hand' as source,
            type_a,
            value_a,
            type_b,
            value_b,
            decided_at as seen_at,
            cast(1 as double precision) as weight
        from {{ ref('identity_overrides') }}
        where undone_at is null
        {%- if probable.enabled %}
        union all
        select
            'probable' as rule,
            model_version as source,
            type_a,
            value_a,
            type_b,
            value_b,
            coalesce(decided_at, scored_at) as seen_at,
            case when decision = 'accepted' then 1 else weight end as weight
        from {{ ref('identity_probable_pairs') }}
        where
            coalesce(decision, '') <> 'rejected'
            and (weight >= {{ probable.threshold }} or decision = 'accepted')
        {%- endif %}
    )

    select
        least(left_end.node_seq, right_end.node_seq) as a,
        greatest(left_end.node_seq, right_end.node_seq) as b,
        links.rule,
        links.source,
        min(links.seen_at) as first_seen_at,
        max(links.seen_at) as last_seen_at,
        count(*) as count_records,
        max(links.weight) as weight
    from links
    inner join nodes as left_end
        on links.type_a = left_end.identifier_type and links.value_a = left_end.identifier_value
    inner join nodes as right_end
        on links.type_b = right_end.identifier_type and links.value_b = right_end.identifier_value
    where left_end.node_seq <> right_end.node_seq
    group by
        least(left_end.node_seq, right_end.node_seq),
        greatest(left_end.node_seq, right_end.node_seq),
        links.rule,
        links.source
{% endmacro %}
