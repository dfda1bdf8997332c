{# The first part of a text that matches a pattern; null where nothing does. Anchor the pattern (^
   and $) for all or nothing.

   Patterns are written without backslashes, as for regexp_like_all. #}
{% macro regexp_part(expression, pattern) -%}
    {{ return(adapter.dispatch('regexp_part', 'weft')(expression, pattern)) }}
{%- endmacro %}

{# DuckDB gives empty text where nothing matches, Snowflake null. #}
{% macro default__regexp_part(expression, pattern) -%}
    nullif(regexp_extract({{ expression }}, '{{ pattern }}'), '')
{%- endmacro %}

{% macro snowflake__regexp_part(expression, pattern) -%}
    regexp_substr({{ expression }}, '{{ pattern }}')
{%- endmacro %}
