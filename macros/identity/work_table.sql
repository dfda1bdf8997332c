{# The name of a table that belongs to a model's own work, called <model>__<step>. #}
{% macro work_relation(step) %}
    {{ return(adapter.dispatch('work_relation', 'weft')(step)) }}
{% endmacro %}

{% macro default__work_relation(step) %}
    {{ return(handover_relation(step)) }}
{% endmacro %}

{# DuckDB writes a table in the warehouse's file to disk whatever becomes of it; a temporary one stays in memory
   while there is room, and is gone with the session. A model has one session for all that it does. #}
{% macro duckdb__work_relation(step) %}
    {{ return(api.Relation.create(
        database='temp', schema='main', identifier=this.identifier ~ '__' ~ step, type='table'
    )) }}
{% endmacro %}

{# The name of a table that one model leaves to a later one, which drops it: beside the model, and no temporary one,
   because the two have different sessions. #}
{% macro handover_relation(step, from=this) %}
    {{ return(api.Relation.create(
        database=from.database, schema=from.schema, identifier=from.identifier ~ '__' ~ step, type='table'
    )) }}
{% endmacro %}

{# Creates or replaces a work table. A run that was killed leaves at most a table that the next run replaces; on
   Snowflake it is transient, which costs no history. #}
{% macro create_work_table(relation, sql) %}
    {% do run_query(adapter.dispatch('create_work_table_sql', 'weft')(relation) ~ ' as ' ~ sql) %}
{% endmacro %}

{# Creates or replaces a work table without rows, to be inserted into. columns: mapping of names to types.

   The columns are declared, not selected: what DuckDB 2.0.0 inserts into the result of a query without rows, in the
   transaction that created it, is lost without a word when it is more than a hundred thousand rows. #}
{% macro create_empty_work_table(relation, columns) %}
    {% set declared = [] %}
    {% for name, type in columns.items() %}
        {% do declared.append(name ~ ' ' ~ type) %}
    {% endfor %}
    {% do run_query(
        adapter.dispatch('create_work_table_sql', 'weft')(relation) ~ ' (' ~ declared | join(', ') ~ ')'
    ) %}
{% endmacro %}

{% macro default__create_work_table_sql(relation) -%}
    create or replace table {{ relation }}
{%- endmacro %}

{% macro duckdb__create_work_table_sql(relation) -%}
    create or replace {{ 'temporary' if relation.database == 'temp' }} table {{ relation }}
{%- endmacro %}

{% macro snowflake__create_work_table_sql(relation) -%}
    create or replace transient table {{ relation }}
{%- endmacro %}

{# Creates a table for a later model (handover_relation); drop_handover forgets it. dbt remembers which relations there
   are, and has to be told. #}
{% macro hand_over(step, sql) %}
    {% do create_work_table(handover_relation(step), sql) %}
    {% do adapter.cache_added(adapter.dispatch('listed_relation', 'weft')(handover_relation(step))) %}
{% endmacro %}

{# A relation by the name under which the warehouse lists it. #}
{% macro default__listed_relation(relation) %}
    {{ return(relation) }}
{% endmacro %}

{# Snowflake lists a name that is not quoted in capitals. #}
{% macro snowflake__listed_relation(relation) %}
    {{ return(api.Relation.create(
        database=relation.database | upper, schema=relation.schema | upper, identifier=relation.identifier | upper,
        type='table'
    )) }}
{% endmacro %}

{% macro drop_handover(step, from=this) %}
    {% do adapter.drop_relation(handover_relation(step, from)) %}
{% endmacro %}

{# What a model left to a later one, or `instead` when it left nothing. #}
{% macro handed_over(step, from, instead) %}
    {%- set relation = handover_relation(step, from) -%}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) if execute else none -%}
    {{ return(found or '(' ~ instead ~ ')') }}
{% endmacro %}

{# Inserts into a work table and returns how many rows it wrote: both warehouses answer an insert with that number. #}
{% macro insert_counted(relation, sql) %}
    {% set written = run_query('insert into ' ~ relation ~ ' ' ~ sql) %}
    {{ return(written.columns[0].values()[0] | int) }}
{% endmacro %}

{% macro drop_work_tables(steps) %}
    {% for step in steps %}
        {% do run_query('drop table if exists ' ~ work_relation(step)) %}
    {% endfor %}
{% endmacro %}

{# Drops what a killed run left of these, where dbt found any when it looked at the schema: no question is asked. #}
{% macro drop_left_work_tables(steps) %}
    {% do adapter.dispatch('drop_left_work_tables', 'weft')(steps) %}
{% endmacro %}

{% macro default__drop_left_work_tables(steps) %}
    {% for step in steps | unique %}
        {% set relation = work_relation(step) %}
        {% if adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none %}
            {% do adapter.drop_relation(relation) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# Temporary tables go with their session. #}
{% macro duckdb__drop_left_work_tables(steps) %}
{% endmacro %}
