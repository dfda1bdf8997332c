{# Whether the whole text matches a pattern.

   Write patterns without backslashes ([0-9], [.], [[:space:]]): Snowflake reads a backslash in a
   string literal as an escape, DuckDB does not. #}
{% macro regexp_like_all(expression, pattern) -%}
    {{ return(adapter.dispatch('regexp_like_all', 'weft')(expression, pattern)) }}
{%- endmacro %}

{% macro default__regexp_like_all(expression, pattern) -%}
    regexp_full_match({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{# Snowflake's regexp_like is anchored at both ends, other engines' is not. #}
{% macro snowflake__regexp_like_all(expression, pattern) -%}
    regexp_like({{ expression }}, '{{ pattern }}')
{%- endmacro %}
