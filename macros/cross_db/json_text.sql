{# A top-level key of a JSON object as text; null where the key is missing or its value is a JSON null. #}
{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch('json_text', 'weft')(document, key)) }}
{%- endmacro %}

{% macro default__json_text(document, key) -%} ({{ document }} ->> '$."{{ key }}"') {%- endmacro %}

{# get() rather than a path with colons: a path's first step is read as a column in a longer expression. #}
{% macro snowflake__json_text(document, key) -%} cast(get({{ document }}, '{{ key }}') as varchar) {%- endmacro %}
