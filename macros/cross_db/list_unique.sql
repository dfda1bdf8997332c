{# An aggregate: the different values of a text column, sorted and joined; null where there is none.

   A column, not an expression: Snowflake takes distinct and an order together only for one and the same column. #}
{% macro list_unique(column, separator) -%}
    {{ return(adapter.dispatch('list_unique', 'weft')(column, separator | replace("'", "''"))) }}
{%- endmacro %}

{% macro default__list_unique(column, separator) -%}
    string_agg(distinct {{ column }}, '{{ separator }}' order by {{ column }})
{%- endmacro %}

{# Of no value at all Snowflake makes empty text. #}
{% macro snowflake__list_unique(column, separator) -%}
    nullif(listagg(distinct {{ column }}, '{{ separator }}') within group (order by {{ column }}), '')
{%- endmacro %}
