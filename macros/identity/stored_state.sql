{# A table of this schema as the last run left it, for a model that comes before it, as SQL to select from; while there is
   no such table, a query for its columns without rows. dbt learns what a model refers to from a first reading, in which
   there are none. What is only compiled is read, not run, and names the table whether it is there or not: where a
   column comes from does not depend on what a warehouse holds. #}
{% macro stored_state(name) %}
    {% set found = stored_relation(name) %}
    {% if found is not none %}
        {{ return(found) }}
    {% endif %}
    {% if execute and flags.WHICH == 'compile' %}
        {% set table = api.Relation.create(database=this.database, schema=this.schema, identifier=name) %}
        {{ return('(select ' ~ stored_columns()[name] | join(', ') ~ ' from ' ~ table ~ ')') }}
    {% endif %}
    {% set columns = [] %}
    {% for column, type in stored_columns()[name].items() %}
        {% do columns.append('cast(null as ' ~ type ~ ') as ' ~ column) %}
    {% endfor %}
    {{ return('(select ' ~ columns | join(', ') ~ ' where false)') }}
{% endmacro %}

{# A model's table as the last run left it, for a model that comes before it; none before the first run. #}
{% macro stored_relation(name) %}
    {{ return(adapter.get_relation(this.database, this.schema, name) if execute else none) }}
{% endmacro %}

{# What models read of tables that are written after them: the columns and their types. #}
{% macro stored_columns() %}
    {% set number, moment = dbt.type_bigint(), dbt.type_timestamp() %}
    {{ return({
        'identity_nodes': {'node_seq': number, 'identifier_type': 'varchar', 'identifier_value': 'varchar'},
        'identity_blocked': {'node_seq': number, 'bucket': 'integer'},
        'identity_pairs': {
            'source': 'varchar', 'record_id': 'varchar', 'bucket': 'integer', 'a': number, 'b': number, 'seen_at': moment,
        },
        'identity_edges': {
            'a': number, 'b': number, 'rule': 'varchar', 'source': 'varchar', 'first_seen_at': moment,
            'last_seen_at': moment, 'count_records': number, 'weight': 'double precision', 'inactive_reason': 'varchar',
            'batch': number,
        },
        'identity_map': {
            'identifier_type': 'varchar', 'identifier_value': 'varchar', 'profile_id': 'varchar', 'node_seq': number,
            'bucket': 'integer', 'first_seen_at': moment, 'last_seen_at': moment,
        },
        'identity_scanned': {'kind': 'varchar', 'bucket': 'integer', 'fingerprint': number},
        'identity_shared': {'node_seq': number, 'reason': 'varchar', 'batch': number},
        'identity_labels': {'node_seq': number, 'component_seq': number, 'canonical_seq': number, 'batch': number},
        'identity_batches': {'batch': number, 'rules_hash': 'varchar'},
        'segment_runs': {'segment': 'varchar', 'run_at': moment, 'definition_hash': 'varchar'},
    }) }}
{% endmacro %}

{# Gives tables of an older form the columns that they lack, empty, and says whether all of staging is news: in a full
   refresh, and where some of the state that news is held against is gone or of an older form. What is read of the state is
   then the registry and the edges, and nothing else.

   The first model of a run asks this, and notes the answer for the others (reads_everything). #}
{% macro prepare_stored_state() %}
    {% if not execute or flags.WHICH not in ['build', 'run', 'retry'] %}
        {{ return(false) }}
    {% endif %}
    {% set state = namespace(is_lost=flags.FULL_REFRESH) %}
    {% set is_needed = [
        'identity_nodes', 'identity_blocked', 'identity_pairs', 'identity_edges', 'identity_map', 'identity_scanned',
    ] %}
    {% for name, columns in stored_columns().items() %}
        {% set lacking = lacking_columns(stored_relation(name), columns) %}
        {% if lacking is none or lacking %}
            {% set state.is_lost = state.is_lost or name in is_needed %}
        {% endif %}
        {% for column in lacking or [] %}
            {% do run_query('alter table ' ~ stored_relation(name) ~ ' add column ' ~ column ~ ' ' ~ columns[column]) %}
        {% endfor %}
    {% endfor %}
    {{ return(state.is_lost) }}
{% endmacro %}

{# The columns that a table lacks; none where there is no table. #}
{% macro lacking_columns(relation, columns) %}
    {% if relation is none %}
        {{ return(none) }}
    {% endif %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list %}
    {{ return(columns | reject('in', present) | list) }}
{% endmacro %}

{# Whether this run takes all of staging for news, as identity_news noted it. A model asks the warehouse once: `model` is
   its own, and keeps the answer. #}
{% macro reads_everything() %}
    {% if not execute %}
        {{ return(false) }}
    {% endif %}
    {% if 'reads_everything' not in model %}
        {% set news = stored_relation('identity_news') %}
        {% set noted = 0 if news is none
            else run_query('select count(*) from ' ~ news ~ " where kind = 'everything'").rows[0][0] | int %}
        {% do model.update({'reads_everything': noted > 0}) %}
    {% endif %}
    {{ return(model['reads_everything']) }}
{% endmacro %}
