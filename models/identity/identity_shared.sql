-- Grain: one row per identifier that has, or once had, more different neighbours than its rules
-- allow: a till, a family's tablet, a couple's address. It keeps its evidence and links nobody.
-- One that is shared no more keeps its row, without a reason, so that its edges are looked at
-- again. Only what a record states counts, not decisions by hand.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

{% set reads_delta = not reads_everything() %}
{% set is_delta = reads_delta and is_incremental() and has_same_rules() %}

with edge_news as (
    select
        a,
        b,
        rule,
        source,
        is_stated
    from {{ ref('identity_edge_news') }}
    where rule = 'same_record'
),

nodes as (
    select
        node_seq,
        identifier_type
    from {{ ref('identity_nodes') }}
),

rules as (
    select
        identifier_type,
        neighbour_type,
        max_neighbours
    from {{ ref('identity_rules') }}
),

{% if is_incremental() %}
mine as (
    select
        node_seq,
        reason,
        batch
    from {{ this }}
),

{% endif %}
{% if reads_delta %}
stored as (
    select
        a,
        b,
        source,
        {{ is_stated_edge('edges') }} as is_stated
    from {{ stored_edges() }} as edges
    where rule = 'same_record'
),

{% endif %}
{% if is_delta %}
-- Only an edge that comes or goes changes how many neighbours its ends have.
turned as (
    select
        edge_news.a,
        edge_news.b
    from edge_news
    left join stored
        on
            edge_news.a = stored.a
            and edge_news.b = stored.b
            and edge_news.source = stored.source
    where edge_news.is_stated <> coalesce(stored.is_stated, false)
),

touched as (
    select a as node_seq from turned
    union
    select b as node_seq from turned
    union
    select node_seq from mine
    where coalesce(batch, 0) > {{ finished_batch() }}
),

{% endif %}
stated as (
    select
        a,
        b
    from edge_news
    where is_stated
    {% if reads_delta %}
    union all
    select
        stored.a,
        stored.b
    from stored
    left join edge_news
        on
            stored.a = edge_news.a
            and stored.b = edge_news.b
            and stored.source = edge_news.source
    where
        stored.is_stated
        and edge_news.a is null
        {% if is_delta %}
        and (
            stored.a in (select node_seq from touched)
            or stored.b in (select node_seq from touched)
        )
        {% endif %}
    {% endif %}
),

ends as (
    select
        a as node_seq,
        b as neighbour_seq
    from stated
    union all
    select
        b as node_seq,
        a as neighbour_seq
    from stated
),

-- Few have as many as the strictest rule forbids, and only theirs are told apart and counted by type.
busy as (
    select ends.node_seq
    from ends
    {% if is_delta %}
    inner join touched on ends.node_seq = touched.node_seq
    {% endif %}
    group by ends.node_seq
    having count(*) > (select min(max_neighbours) from rules)
),

named_types as (
    select distinct identifier_type from rules
),

ruled as (
    select
        busy.node_seq,
        nodes.identifier_type,
        coalesce(named_types.identifier_type, 'default') as rule_type
    from busy
    inner join nodes on busy.node_seq = nodes.node_seq
    left join named_types on nodes.identifier_type = named_types.identifier_type
),

limited as (
    select *
    from ruled
    where rule_type in (select identifier_type from rules where max_neighbours is not null)
),

neighbours as (
    select distinct
        ends.node_seq,
        ends.neighbour_seq
    from ends
    inner join limited on ends.node_seq = limited.node_seq
),

degrees_by_type as (
    select
        neighbours.node_seq,
        nodes.identifier_type as neighbour_type,
        count(*) as count_neighbours
    from neighbours
    inner join nodes on neighbours.neighbour_seq = nodes.node_seq
    group by neighbours.node_seq, nodes.identifier_type
),

degrees as (
    select * from degrees_by_type
    union all
    select
        node_seq,
        'any' as neighbour_type,
        sum(count_neighbours) as count_neighbours
    from degrees_by_type
    group by node_seq
),

broken as (
    select
        limited.node_seq,
        min(
            'shared ' || limited.identifier_type || ': more than '
            || cast(rules.max_neighbours as varchar) || ' ' || rules.neighbour_type
        ) as reason
    from limited
    inner join degrees on limited.node_seq = degrees.node_seq
    inner join rules
        on
            limited.rule_type = rules.identifier_type
            and degrees.neighbour_type = rules.neighbour_type
            and degrees.count_neighbours > rules.max_neighbours
    group by limited.node_seq
),

{% if is_incremental() %}
looked_at as (
    select node_seq from broken
    union
    select {{ 'touched' if is_delta else 'mine' }}.node_seq
    from {{ 'touched' if is_delta else 'mine' }}
),

final as (
    select
        looked_at.node_seq,
        broken.reason,
        {{ next_batch() }} as batch
    from looked_at
    left join broken on looked_at.node_seq = broken.node_seq
    left join mine on looked_at.node_seq = mine.node_seq
    where broken.reason is distinct from mine.reason
)
{% else %}
final as (
    select
        node_seq,
        reason,
        {{ next_batch() }} as batch
    from broken
)
{% endif %}

select * from final
