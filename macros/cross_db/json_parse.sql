{# JSON from text; null where the text is not JSON. Event properties arrive as text, and one broken
   row must not stop a build. #}
{% macro json_parse(text) -%}
    {{ return(adapter.dispatch('json_parse', 'weft')(text)) }}
{%- endmacro %}

{% macro default__json_parse(text) -%} try_cast({{ text }} as json) {%- endmacro %}

{# DuckDB's TRY_CAST has no counterpart for variant: Snowflake's own function is try_parse_json. #}
{% macro snowflake__json_parse(text) -%} try_parse_json({{ text }}) {%- endmacro %}
