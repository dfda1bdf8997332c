{# Every match of a pattern replaced; a group is written back as [1] and so on, once the
   replacement has one.

   Snowflake replaces all matches by itself, DuckDB only the first without the flag. Both write a
   group as a backslash and its number, but in a Snowflake literal the backslash is doubled;
   hence the notation of our own. Patterns are written without backslashes, as for
   regexp_like_all. #}
{% macro regexp_replace_all(expression, pattern, replacement='') -%}
    {{ return(adapter.dispatch('regexp_replace_all', 'weft')(expression, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regexp_replace_all(expression, pattern, replacement) -%}
    regexp_replace({{ expression }}, '{{ pattern }}', '{{ modules.re.sub("\[(\d)\]", "\\\\\\1", replacement) }}', 'g')
{%- endmacro %}

{% macro snowflake__regexp_replace_all(expression, pattern, replacement) -%}
    regexp_replace({{ expression }}, '{{ pattern }}', '{{ modules.re.sub("\[(\d)\]", "\\\\\\\\\\1", replacement) }}')
{%- endmacro %}
