{# A filter that keeps the latest version of each row: ELT tools load an upsert as another row with
   the same id. Rows without an id cannot be told apart: the model source_days counts them, and quarantine names them. #}
{% macro latest(key, version) -%}
    where {{ key }} is not null
    qualify row_number() over (partition by {{ key }} order by {{ version }} desc) = 1
{%- endmacro %}
