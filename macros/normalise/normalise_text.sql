{# An identifier without the spaces and unseen characters around it; null where nothing is left. Case and everything inside
   stay: who made the identifier may tell two by them. #}
{% macro normalise_text(value) -%}
    {%- set text = 'cast(' ~ value ~ ' as varchar)' -%}
    {#- Nearly every value is plain already, and to look costs less than to trim. -#}
    nullif(
        case
            when {{ regexp_like_all(text, '[!-~]*') }} then {{ text }}
            else trim({{ text }}, {{ line_breaks() }} || '{{ ([' '] + spaces() + unseen_characters()) | join }}')
        end,
        ''
    )
{%- endmacro %}
