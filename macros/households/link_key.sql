{# A column of profiles as links compare it: a name without its accents. #}
{% macro link_column(column) -%}
    {%- if column in ['first_name', 'last_name'] -%} {{ normalise_name('profiles.' ~ column) }}
    {%- else -%} lower(profiles.{{ column }})
    {%- endif -%}
{%- endmacro %}

{# One text of several of those, without spaces and punctuation, which everybody writes differently. Null where one of
   the columns says nothing: half an address ties nobody. #}
{% macro link_key(columns) -%}
    {%- for column in columns -%}
        nullif({{ regexp_replace_all(column, "[[:space:].,_-]+") }}, '')
        {{- " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
