{# A number as decimal with `scale` places, halves rounded away from zero.

   The two steps are needed: a division is a double on DuckDB and a decimal on Snowflake, and a double is cast half to even.
   A value that rounds one way here and another way there would be a change in every feed that carries it. #}
{% macro round_half_up(expression, scale, precision=18) -%}
    cast(cast({{ expression }} as decimal(28, 10)) as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}
