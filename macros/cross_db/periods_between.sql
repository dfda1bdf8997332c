{# How many calendar periods lie between two moments: 0 within one, 1 from one to the next. dbt's datediff has weeks begin
   on Sunday on DuckDB and on Monday on Snowflake. #}
{% macro periods_between(period, earlier, later) -%}
    {%- if period == 'week' -%}
        cast(
            {{- on_one_line(dbt.datediff(start_of('week', earlier), start_of('week', later), 'day')) }} / 7 as {{ dbt.type_int() -}}
        )
    {%- else -%}
        {{ on_one_line(dbt.datediff(earlier, later, period)) }}
    {%- endif -%}
{%- endmacro %}
