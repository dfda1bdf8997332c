{# Characters of a text replaced one by one: a mapping of each to what it becomes, '' to take it out. #}
{% macro translate_text(expression, characters) -%}
    {%- set kept = characters.items() | selectattr(1) | list -%}
    {%- set gone = characters.items() | rejectattr(1) | map(attribute=0) | join -%}
    translate(
        {{ expression }},
        '{{ (kept | map(attribute=0) | join ~ gone) | replace("'", "''") }}',
        '{{ kept | map(attribute=1) | join | replace("'", "''") }}'
    )
{%- endmacro %}
