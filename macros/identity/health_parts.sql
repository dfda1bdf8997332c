{# The parts of a metric of identity_health: a row for each row of `from`, which counts identifiers by identifier_type
   and `detail`, the most frequent first. #}
{% macro health_parts(metric, from, detail, whole) -%}
    {{ health_rows(
        metric, from, 'count_identifiers',
        whole=whole,
        identifier_type='identifier_type',
        detail=detail,
        position='row_number() over (order by count_identifiers desc, identifier_type, ' ~ detail ~ ')',
    ) }}
{%- endmacro %}
