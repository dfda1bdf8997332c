{# How many such events a person has: trait_count('order_completed', within_days=90). #}
{% macro trait_count(events, within_days=none, where=none) -%}
    count(case when {{ trait_condition(events, within_days, where) }} then 1 end)
{%- endmacro %}
