{# Text without spaces around it; null where nothing is left, so that an empty string never counts
   as a value. #}
{% macro clean_text(expression) -%}
    nullif(trim(cast({{ expression }} as varchar)), '')
{%- endmacro %}
