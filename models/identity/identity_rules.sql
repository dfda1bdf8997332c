-- Grain: one row per identifier type and kind of neighbour that it has a rule for ('any' counts
-- them all).
-- The rules are edited in dbt_project.yml, var identity_rules; this table is them, joinable.
{% set rows = identity_rules() %}
-- The command line brings what it is asked for into the same form, without asking the warehouse.
{{ config(meta={'normalisers': normalisers_of_types()}) }}

with final as (
    {% for row in rows %}
        select
            cast('{{ row.identifier_type }}' as varchar) as identifier_type,
            cast('{{ row.normaliser }}' as varchar) as normaliser,
            cast({{ row.priority }} as integer) as priority,
            cast({{ 'null' if row.max_per_person is none else row.max_per_person }} as integer)
                as max_per_person,
            cast('{{ row.neighbour_type }}' as varchar) as neighbour_type,
            cast({{ 'null' if row.max_neighbours is none else row.max_neighbours }} as integer)
                as max_neighbours
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from final
