{# An aggregate: the value of the last of the rows that match, or of the first, by occurred_at and then by event_id.

   The event_id decides between two events at one time; otherwise each warehouse would choose for itself. #}
{% macro value_of_last(value, matches) -%}
    {{ return(adapter.dispatch('value_at_end', 'weft')('max_by', value, matches)) }}
{%- endmacro %}

{% macro value_of_first(value, matches) -%}
    {{ return(adapter.dispatch('value_at_end', 'weft')('min_by', value, matches)) }}
{%- endmacro %}

{# A filter, as with a case DuckDB makes the pair for the events that do not match, too, which takes a third longer. #}
{% macro default__value_at_end(function, value, matches) -%}
    {{ function }}({{ value }}, (occurred_at, event_id)) filter (where {{ matches }})
{%- endmacro %}

{# Snowflake has no filter and orders by one expression, so the two become one text. The format is given: a cast would
   follow the session's settings, which leave out what is below a millisecond. #}
{% macro snowflake__value_at_end(function, value, matches) -%}
    {{ function }}(
        {{- value }}, case when {{ matches }} then to_char(occurred_at, 'YYYY-MM-DD HH24:MI:SS.FF9') || ' ' || event_id end
    {{- '' -}})
{%- endmacro %}
