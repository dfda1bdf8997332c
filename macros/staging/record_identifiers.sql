{# The identifiers contract from a relation with one row per record and its identifiers side by
   side.

   relation: a CTE with the record's columns; identifiers: mapping of identifier type to its
   column, which normalise_identifier made where the record was read: traits, events and consents
   name the same value. Identifiers that a record lacks are left out; a record that has none is
   one row without an identifier, which is held back and so counted. #}
{% macro record_identifiers(relation, source, record_id, identifiers, observed_at) -%}
    {%- for type, column in identifiers.items() %}
    select
        '{{ source }}' as source,
        {{ record_id }} as record_id,
        '{{ type }}' as identifier_type,
        cast({{ column }} as varchar) as identifier_value,
        {{ observed_at }} as observed_at
    from {{ relation }}
    where {{ column }} is not null

    union all
    {% endfor %}
    select
        '{{ source }}' as source,
        {{ record_id }} as record_id,
        cast(null as varchar) as identifier_type,
        cast(null as varchar) as identifier_value,
        {{ observed_at }} as observed_at
    from {{ relation }}
    where {{ identifiers.values() | join(' is null and ') }} is null
{%- endmacro %}
