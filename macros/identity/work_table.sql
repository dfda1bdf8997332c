{# The name of a table that belongs to a model's own work: beside the model, called <model>__<step>. #}
{% macro work_relation(step) %}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier ~ '__' ~ step, type='table'
    )) }}
{% endmacro %}

{# Creates or replaces a work table. It is an ordinary table and not a temporary one so that a run that was killed
   leaves nothing but a table that the next run replaces; on Snowflake it is transient, which costs no history. #}
{% macro create_work_table(relation, sql) %}
    {% do run_query(adapter.dispatch('create_work_table_sql', 'weft')(relation, sql)) %}
{% endmacro %}

{% macro default__create_work_table_sql(relation, sql) -%}
    create or replace table {{ relation }} as {{ sql }}
{%- endmacro %}

{% macro snowflake__create_work_table_sql(relation, sql) -%}
    create or replace transient table {{ relation }} as {{ sql }}
{%- endmacro %}

{# Inserts into a work table and returns how many rows it wrote: both warehouses answer an insert with that number. #}
{% macro insert_counted(relation, sql) %}
    {% set written = run_query('insert into ' ~ relation ~ ' ' ~ sql) %}
    {{ return(written.columns[0].values()[0] | int) }}
{% endmacro %}

{% macro drop_work_tables(steps) %}
    {% for step in steps %}
        {% do adapter.drop_relation(work_relation(step)) %}
    {% endfor %}
{% endmacro %}
