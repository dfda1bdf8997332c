{# A raw value as the type that its source declares; null where it does not fit.

   CSV and NDJSON files are read as text, while the same table in Snowflake may be typed: going
   through text reads both. #}
{% macro typed(expression, data_type) -%}
    {{ safe_cast_text('cast(' ~ expression ~ ' as varchar)', data_type) }}
{%- endmacro %}
