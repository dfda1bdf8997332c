{# A filter that keeps the latest version of each row: ELT tools load an upsert as another row with
   the same id. #}
{% macro latest(key, version) -%}
    qualify row_number() over (partition by {{ key }} order by {{ version }} desc) = 1
{%- endmacro %}
