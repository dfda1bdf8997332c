{# Whether a stored edge of this alias was still stated when it was written: its reason tells. An edge that names a blocked
   value has no evidence; one whose ends are shared, or that keeps people apart, has. #}
{% macro is_stated_edge(edges) -%}
    coalesce({{ edges }}.inactive_reason, '') not in ('withdrawn', 'undone', 'blocked')
{%- endmacro %}
