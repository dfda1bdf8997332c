{# When the last such event of a person was; null without any. #}
{% macro trait_last_at(events, where=none) -%}
    max(case when {{ trait_condition(events, where=where) }} then occurred_at end)
{%- endmacro %}
