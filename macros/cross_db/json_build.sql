{# A JSON object from a mapping of key to SQL expression: json_build({'order_id':
   'orders.order_id'}).

   A key whose value is null stays, with a JSON null. Read the object with json_text or
   json_number and do not compare or hash its text: each warehouse orders keys and prints numbers
   in its own way. #}
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
    cast(object_construct_keep_null(
        {%- for key, value in pairs.items() %}'{{ key }}', {{ value }}{{ ', ' if not loop.last }}{% endfor -%}
    ) as variant)
{%- endmacro %}
