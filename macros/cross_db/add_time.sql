{# A moment so many days, months ... later. #}
{% macro add_time(unit, count, moment) -%}
    {{ moment if count == 0 else on_one_line(dbt.dateadd(unit, count, moment)) }}
{%- endmacro %}

{# What dbt's own macros write over several lines, on one: traits are read in compiled SQL. #}
{% macro on_one_line(sql) -%}
    {{ modules.re.sub('\s+', ' ', sql) | replace('( ', '(') | replace(' )', ')') | trim }}
{%- endmacro %}
