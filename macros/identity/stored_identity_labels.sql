{# The labels as the last run left them; before the first run, a query for the same columns without rows. #}
{% macro stored_identity_labels() %}
    {% set labels = adapter.get_relation(this.database, this.schema, 'identity_labels') if execute else none %}
    {% if labels is none %}
        {% set bigint = dbt.type_bigint() %}
        {{ return(
            '(select cast(0 as ' ~ bigint ~ ') as node_seq, cast(0 as ' ~ bigint ~ ') as canonical_seq,'
            ~ ' cast(0 as ' ~ bigint ~ ') as batch where false)'
        ) }}
    {% endif %}
    {{ return(labels) }}
{% endmacro %}
