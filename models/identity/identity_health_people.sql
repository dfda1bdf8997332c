-- Grain: one row per metric and detail: the people's part of identity_health, as it is now.
-- A view: identity_health reads it once a run and keeps the history.
{{ config(materialized='view') }}

{% set quantiles = [50, 90, 99, 99.9] %}
{% set classes = [
    (1, 1, '1'), (2, 2, '2'), (3, 5, '3 to 5'), (6, 10, '6 to 10'), (11, 25, '11 to 25'),
    (26, 100, '26 to 100'), (101, 1000, '101 to 1000'), (1001, 999999999, '1001 or more'),
] %}

with people as (
    select
        profile_id,
        count(*) as count_identifiers
    from {{ ref('identity_map') }}
    group by profile_id
),

sizes as (
    select
        count_identifiers,
        count(*) as count_people,
        min(profile_id) as profile_id
    from people
    group by count_identifiers
),

reached as (
    select
        *,
        sum(count_people) over (order by count_identifiers) as count_so_far,
        sum(count_people) over () as count_all
    from sizes
),

summary as (
    select
        coalesce(sum(count_people), 0) as count_people,
        coalesce(max(count_identifiers), 0) as largest,
        max(case when count_so_far = count_all then profile_id end) as largest_id
    from reached
),

per_person as (
    {% for quantile in quantiles %}
        select
            {{ loop.index }} as position,
            'p{{ quantile }}' as name,
            coalesce(min(count_identifiers), 0) as count_identifiers
        from reached
        where 100 * count_so_far >= {{ quantile }} * count_all
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

classes as (
    {% for first, last, name in classes %}
        select
            {{ loop.index }} as position,
            '{{ name }}' as name,
            coalesce(sum(count_people), 0) as count_people
        from sizes
        where count_identifiers between {{ first }} and {{ last }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

largest_component as (
    select
        coalesce(max(count_identifiers), 0) as count_identifiers,
        min(case when position = 1 then component_seq end) as component_seq
    from {{ ref('identity_largest_components') }}
),

final as (
    {{ health_rows('people', 'summary', 'count_people') }}
    union all
    {{ health_rows('largest_person', 'summary', 'largest', profile_id='largest_id') }}
    union all
    {{ health_rows(
        'largest_component', 'largest_component', 'count_identifiers',
        profile_id=profile_id('component_seq'), node_seq='component_seq',
    ) }}
    union all
    {{ health_rows(
        'identifiers_per_person', 'per_person', 'count_identifiers',
        detail='name', position='position',
    ) }}
    union all
    {{ health_rows(
        'people_by_size', 'classes', 'count_people',
        whole='sum(count_people) over ()', detail='name', position='position',
    ) }}
)

select * from final
