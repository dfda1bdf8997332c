{# Several top-level keys of a JSON object, to be taken out with json_texts_key: the document is parsed once for all of them.

   {% set keys = ['currency', 'total'] %}
   ... select {{ json_texts('properties', keys) }} as texts ... {{ json_texts_key('texts', keys, 'total') }} #}
{% macro json_texts(document, keys) -%}
    {{ return(adapter.dispatch('json_texts', 'weft')(document, keys)) }}
{%- endmacro %}

{# DuckDB parses the text of a document anew for each ->>, but not for each path of one. #}
{% macro default__json_texts(document, keys) -%}
    ({{ document }} ->> [{% for key in keys %}'$."{{ key }}"'{{ ', ' if not loop.last }}{% endfor %}])
{%- endmacro %}

{# A variant is parsed when it is written. #}
{% macro snowflake__json_texts(document, keys) -%} {{ document }} {%- endmacro %}

{# One of the keys that json_texts took, as text; null where it is missing or a JSON null. #}
{% macro json_texts_key(texts, keys, key) -%}
    {%- if key not in keys -%}
        {{ exceptions.raise_compiler_error("json_texts did not take the key '" ~ key ~ "', only: " ~ keys | join(', ')) }}
    {%- endif -%}
    {{ return(adapter.dispatch('json_texts_key', 'weft')(texts, keys, key)) }}
{%- endmacro %}

{% macro default__json_texts_key(texts, keys, key) -%} {{ texts }}[{{ keys.index(key) + 1 }}] {%- endmacro %}

{% macro snowflake__json_texts_key(texts, keys, key) -%} {{ json_text(texts, key) }} {%- endmacro %}
