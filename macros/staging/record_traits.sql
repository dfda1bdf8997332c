{# The traits contract from a relation with traits side by side; the latest value wins where an
   identifier has several rows.

   relation: a CTE; identifier_type, identifier_value: SQL expressions; traits: mapping of trait
   to its column. Traits without a value are left out: that a form did not ask is no reason to
   forget what another one learned. #}
{% macro record_traits(relation, source, identifier_type, identifier_value, traits, observed_at) -%}
    {%- for trait, column in traits.items() %}
    select
        '{{ source }}' as source,
        {{ identifier_type }} as identifier_type,
        cast({{ identifier_value }} as varchar) as identifier_value,
        '{{ trait }}' as trait,
        cast({{ column }} as varchar) as value,
        {{ observed_at }} as observed_at
    from {{ relation }}
    where {{ column }} is not null and {{ identifier_value }} is not null
    qualify row_number() over (
        partition by {{ identifier_type }}, {{ identifier_value }}
        order by {{ observed_at }} desc, {{ column }}
    ) = 1
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
{%- endmacro %}
