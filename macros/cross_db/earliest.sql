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
