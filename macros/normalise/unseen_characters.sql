{# Characters that one cannot see: soft hyphen, Arabic letter mark, zero-width space and (non-)joiner, marks, embeddings,
   overrides and isolates of direction, word joiner and the invisible operators, byte order mark. #}
{% macro unseen_characters() -%}
    {%- set found = [] -%}
    {%- for number in (
        [173, 1564] + range(8203, 8208) | list + range(8234, 8239) | list + range(8288, 8298) | list + [65279]
    ) -%}
        {%- do found.append('%c' % number) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
