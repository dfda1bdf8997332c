{# A column for each attribute that profiles.yml declares, of the type that it declares, as aggregates over rows of attribute
   and value of which each attribute has at most one. A value that is none of the type is null. #}
{% macro attribute_columns() -%}
    {%- for name, column in survivorship_rules().items() -%}
        {%- set value = "max(case when attribute = '" ~ name ~ "' then value end)" -%}
        {%- set is_text = column.data_type | lower in ['varchar', 'text', 'string'] -%}
        {{ value if is_text else safe_cast_text(value, column.data_type) }} as {{ name }},
        {% endfor -%}
{%- endmacro %}
