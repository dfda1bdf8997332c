{# A value as of a person's latest such event that carries it; null without any. #}
{% macro trait_latest(events, value, where=none) -%}
    {%- set carries = value ~ ' is not null' -%}
    {%- set condition = trait_condition(events, where=carries if where is none else carries ~ ' and (' ~ where ~ ')') -%}
    max_by(case when {{ condition }} then {{ value }} end, case when {{ condition }} then occurred_at end)
{%- endmacro %}
