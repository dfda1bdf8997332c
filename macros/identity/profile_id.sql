{# The public id of the person whose oldest identifier has this number: a pure function of it, so it never wanders. #}
{% macro profile_id(node_seq) -%}
    md5('weft:' || cast({{ node_seq }} as varchar))
{%- endmacro %}
