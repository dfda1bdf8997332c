{# A text expression cast to a type, null where it does not fit.

   For text only: Snowflake's try_cast refuses any other input. dbt's own safe_cast is a plain
   cast on DuckDB, which fails the build on the first value that does not fit. #}
{% macro safe_cast_text(expression, data_type) -%}
    try_cast({{ expression }} as {{ data_type }})
{%- endmacro %}
