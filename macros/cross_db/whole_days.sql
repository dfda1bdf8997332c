{# How many times 24 hours lie between two moments. #}
{% macro whole_days(earlier, later) -%}
    {%- set days = periods_between('day', earlier, later) -%}
    ({{ days }} - case when {{ add_time('day', days, earlier) }} > {{ later }} then 1 else 0 end)
{%- endmacro %}
