{# The labels as the last run left them; before the first run, a query for the same columns without rows. #}
{% macro stored_identity_labels(name='identity_labels') %}
    {% set labels = adapter.get_relation(this.database, this.schema, name) if execute else none %}
    {% if labels is none %}
        {% set columns = ['node_seq', 'component_seq', 'canonical_seq', 'batch'] %}
        {% set empty = [] %}
        {% for column in columns %}
            {% do empty.append('cast(0 as ' ~ dbt.type_bigint() ~ ') as ' ~ column) %}
        {% endfor %}
        {{ return('(select ' ~ empty | join(', ') ~ ' where false)') }}
    {% endif %}
    {{ return(labels) }}
{% endmacro %}

{# A model's table as the last run left it, for a model that comes before it; none before the first run. #}
{% macro stored_relation(name) %}
    {{ return(adapter.get_relation(this.database, this.schema, name) if execute else none) }}
{% endmacro %}
