{# A JSON object from a mapping of key to SQL expression: json_build({'order_id':
   'orders.order_id'}).

   A key whose value is null may or may not be in the object: Snowflake leaves it out, DuckDB
   writes a null. Read it with json_text or json_number, to which both are the same, and do not
   compare or hash the document itself. #}
{% macro json_build(pairs) -%}
    {%- if pairs is not mapping -%}
        {{ exceptions.raise_compiler_error("json_build needs a mapping of key to SQL expression, got: " ~ pairs) }}
    {%- endif -%}
    {{ return(adapter.dispatch('json_build', 'weft')(pairs)) }}
{%- endmacro %}

{% macro default__json_build(pairs) -%}
    json_object({% for key, value in pairs.items() %}'{{ key }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro snowflake__json_build(pairs) -%}
    cast(object_construct(
        {%- for key, value in pairs.items() %}'{{ key }}', {{ value }}{{ ', ' if not loop.last }}{% endfor -%}
    ) as variant)
{%- endmacro %}
