{# What a model left to a later one (handover_relation), or `instead` when it left nothing. #}
{% macro left_by(model, step, instead) %}
    {%- set relation = handover_relation(step, from=model) -%}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) if execute else none -%}
    {{ return(found or '(' ~ instead ~ ')') }}
{% endmacro %}
