{# A top-level key of a JSON object as decimal(18, 4); null where it is missing or not a number.

   Decimal and not double: sums of doubles depend on the order of the rows, and a total that
   moves in its last digit would be sent to every destination again. #}
{% macro json_number(document, key) -%}
    {{ safe_cast_text(json_text(document, key), 'decimal(18, 4)') }}
{%- endmacro %}
