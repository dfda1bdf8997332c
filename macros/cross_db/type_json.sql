{# The warehouse's own type for a JSON document. #}
{% macro type_json() -%}
    {{ return(adapter.dispatch('type_json', 'weft')()) }}
{%- endmacro %}

{% macro default__type_json() -%} json {%- endmacro %}

{% macro snowflake__type_json() -%} variant {%- endmacro %}
