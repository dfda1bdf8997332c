{# The moment that traits are true for: a column, or the run's. #}
{% macro trait_moment(column, relation=none) -%}
    {%- if column is none -%} {{ as_of() }}
    {%- elif relation is none -%} {{ column }}
    {%- else -%} {{ relation }}.{{ column }}
    {%- endif -%}
{%- endmacro %}
