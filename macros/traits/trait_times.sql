{# A moment so many days, months ... later. #}
{% macro add_time(unit, count, moment) -%}
    {{ moment if count == 0 else on_one_line(dbt.dateadd(unit, count, moment)) }}
{%- endmacro %}

{# The beginning of the calendar period that a moment is in; a week begins on Monday. #}
{% macro start_of(period, moment) -%}
    {{ dbt.date_trunc(period, moment) | trim }}
{%- endmacro %}

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

{# How many times 24 hours lie between two moments. #}
{% macro whole_days(earlier, later) -%}
    {%- set days = periods_between('day', earlier, later) -%}
    ({{ days }} - case when {{ add_time('day', days, earlier) }} > {{ later }} then 1 else 0 end)
{%- endmacro %}

{# The earliest of several moments that may be null; null where all are. Snowflake's least() is null as soon as one is. #}
{% macro earliest(moments) -%}
    {%- set never = "cast('9999-12-31' as " ~ dbt.type_timestamp() ~ ')' -%}
    {%- if not moments -%}
        cast(null as {{ dbt.type_timestamp() }})
    {%- elif moments | length == 1 -%}
        {{ moments[0] }}
    {%- else -%}
        nullif(least(
            {%- for moment in moments %}
            coalesce({{ moment }}, {{ never }}){{ ',' if not loop.last }}
            {%- endfor %}
        ), {{ never }})
    {%- endif -%}
{%- endmacro %}

{# What dbt's own macros write over several lines, on one: traits are read in compiled SQL. #}
{% macro on_one_line(sql) -%}
    {{ modules.re.sub('\s+', ' ', sql) | replace('( ', '(') | replace(' )', ')') | trim }}
{%- endmacro %}
