{# The beginning of the calendar period that a moment is in; a week begins on Monday. #}
{% macro start_of(period, moment) -%}
    {{ dbt.date_trunc(period, moment) | trim }}
{%- endmacro %}
