{# One text of several columns, to be compared: without what people write differently, accents in a name among it. Null
   where one of the columns says nothing: half an address ties nobody. #}
{% macro link_key(columns) -%}
    {%- for column in columns -%}
        {%- set plain = normalise_name(column) if column in ['first_name', 'last_name'] else 'lower(' ~ column ~ ')' -%}
        nullif({{ regexp_replace_all(plain, "[[:space:].,_-]+") }}, '')
        {{- " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
