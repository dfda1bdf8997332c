{# The sum of a value over a person's events, 0 without any: trait_sum('order_completed', 'amount'). #}
{% macro trait_sum(events, value, within_days=none, where=none) -%}
    cast(
        coalesce(sum(case when {{ trait_condition(events, within_days, where) }} then {{ value }} end), 0)
        as decimal(18, 4)
    )
{%- endmacro %}
