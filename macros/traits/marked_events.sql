{# The CTEs that add the columns of trait_marks to the events, each step one that reads the one before. #}
{% macro marked_events(steps, events) -%}
    {%- for step in steps %}

    marked_{{ loop.index }} as (

        select
            *,
            {%- for column, expression in step.items() %}
            {{ expression }} as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ events if loop.first else 'marked_' ~ loop.index0 }}

    ),
    {%- endfor %}
{%- endmacro %}
