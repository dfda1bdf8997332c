{# A top-level key of a JSON object as text; null where the key is missing or its value is a JSON
   null. #}
{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch('json_text', 'weft')(document, key)) }}
{%- endmacro %}

{% macro default__json_text(document, key) -%} ({{ document }} ->> '$."{{ key }}"') {%- endmacro %}

{# Brackets: a cast of get() keeps the quotes of a JSON string in some engines that speak
   Snowflake, and a path with colons reads the part before it as a column. #}
{% macro snowflake__json_text(document, key) -%} cast({{ document }}['{{ key }}'] as varchar) {%- endmacro %}
