{# When the first such event of a person was; null without any. #}
{% macro trait_first_at(events, where=none) -%}
    min(case when {{ trait_condition(events, where=where) }} then occurred_at end)
{%- endmacro %}
