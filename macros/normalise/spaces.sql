{# Every character that Unicode calls a space, but for the plain one and those of line_breaks: next line, not-breaking,
   ogham, those from en quad to hair space, line and paragraph separator, narrow not-breaking, mathematical,
   ideographic. #}
{% macro spaces() -%}
    {%- set found = [] -%}
    {%- for number in [133, 160, 5760] + range(8192, 8203) | list + [8232, 8233, 8239, 8287, 12288] -%}
        {%- do found.append('%c' % number) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
