{# A value as of a person's latest such event that carries it; null without any. #}
{% macro trait_latest(events, value) -%}
    {%- set condition = trait_condition(events, where=value ~ ' is not null') -%}
    max_by(case when {{ condition }} then {{ value }} end, case when {{ condition }} then occurred_at end)
{%- endmacro %}
