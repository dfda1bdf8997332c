{# A table of this schema as the last run left it, for a model that comes before it, as SQL to select from. Columns that
   it does not have yet are null; while there is no such table, there are no rows.

   columns: mapping of the columns that the model reads to their types. #}
{% macro stored_state(name, columns) %}
    {% set found = adapter.get_relation(this.database, this.schema, name) if execute else none %}
    {% set present = stored_columns(found) %}
    {% if columns.keys() | reject('in', present) | list | length == 0 %}
        {{ return(found) }}
    {% endif %}
    {% set selected = [] %}
    {% for column, type in columns.items() %}
        {% do selected.append(column if column in present else 'cast(null as ' ~ type ~ ') as ' ~ column) %}
    {% endfor %}
    {{ return('(select ' ~ selected | join(', ') ~ (' where false' if found is none else ' from ' ~ found) ~ ')') }}
{% endmacro %}

{% macro stored_columns(relation) %}
    {{ return([] if relation is none else adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list) }}
{% endmacro %}

{% macro has_stored_state(name, columns) %}
    {% set found = adapter.get_relation(this.database, this.schema, name) if execute else none %}
    {{ return(columns.keys() | reject('in', stored_columns(found)) | list | length == 0) }}
{% endmacro %}

{% macro stored_nodes() %}
    {{ return(stored_state('identity_nodes', {
        'node_seq': dbt.type_bigint(), 'identifier_type': 'varchar', 'identifier_value': 'varchar',
    })) }}
{% endmacro %}

{% macro stored_sightings() %}
    {{ return(stored_state('identity_sightings', stored_sightings_columns())) }}
{% endmacro %}

{% macro stored_sightings_columns() %}
    {{ return({
        'identifier_type': 'varchar', 'identifier_value': 'varchar', 'bucket': 'integer', 'node_seq': dbt.type_bigint(),
        'first_seen_at': dbt.type_timestamp(), 'last_seen_at': dbt.type_timestamp(), 'blocked_because': 'varchar',
    }) }}
{% endmacro %}

{% macro stored_pairs() %}
    {{ return(stored_state('identity_pairs', stored_pairs_columns())) }}
{% endmacro %}

{% macro stored_pairs_columns() %}
    {{ return({
        'source': 'varchar', 'record_id': 'varchar', 'bucket': 'integer', 'a': dbt.type_bigint(), 'b': dbt.type_bigint(),
        'seen_at': dbt.type_timestamp(),
    }) }}
{% endmacro %}

{% macro stored_edges() %}
    {{ return(stored_state('identity_edges', stored_edges_columns())) }}
{% endmacro %}

{% macro stored_edges_columns() %}
    {{ return({
        'a': dbt.type_bigint(), 'b': dbt.type_bigint(), 'rule': 'varchar', 'source': 'varchar',
        'first_seen_at': dbt.type_timestamp(), 'last_seen_at': dbt.type_timestamp(), 'count_records': dbt.type_bigint(),
        'weight': 'double precision', 'inactive_reason': 'varchar', 'batch': dbt.type_bigint(),
    }) }}
{% endmacro %}

{% macro stored_map() %}
    {{ return(stored_state('identity_map', {
        'node_seq': dbt.type_bigint(), 'profile_id': 'varchar', 'first_seen_at': dbt.type_timestamp(),
        'last_seen_at': dbt.type_timestamp(),
    })) }}
{% endmacro %}

{% macro stored_scanned_columns() %}
    {{ return({'kind': 'varchar', 'bucket': 'integer', 'fingerprint': dbt.type_bigint()}) }}
{% endmacro %}

{# Whether this run takes all of staging for news: a full refresh, or some of the state that news is held against is gone.
   What is read of the state is then the registry and the edges, and nothing else. dbt learns what a model refers to from
   a first reading, in which this is false. #}
{% macro reads_everything() %}
    {{ return(execute and (
        flags.FULL_REFRESH
        or not has_stored_state('identity_scanned', stored_scanned_columns())
        or not has_stored_state('identity_sightings', stored_sightings_columns())
        or not has_stored_state('identity_pairs', stored_pairs_columns())
        or not has_stored_state('identity_edges', stored_edges_columns())
        or not has_stored_state('identity_nodes', {'node_seq': ''})
    )) }}
{% endmacro %}
