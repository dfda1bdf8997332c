{# One text of several columns, to be compared: in lower case, without what people write differently. Null where one of
   the columns says nothing: half an address ties nobody. #}
{% macro link_key(columns) -%}
    {%- for column in columns -%}
        nullif({{ regexp_replace_all('lower(' ~ column ~ ')', "[[:space:].,_-]+") }}, '')
        {{- " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
