{# The incremental strategy `replace_people`: the rows of the people of profile_event_news give way to the model's, in one
   transaction. Somebody who has no events any more loses their rows too, for which a merge or a delete by key would have no
   row. #}
{% macro get_incremental_replace_people_sql(arguments) %}
    {{ return(adapter.dispatch('replace_people_sql', 'weft')(
        arguments['target_relation'], arguments['temp_relation'], arguments['dest_columns']
    )) }}
{% endmacro %}

{% macro default__replace_people_sql(target, rows, columns) %}
    {%- set news = api.Relation.create(target.database, target.schema, 'profile_event_news') -%}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ target }} where profile_id in (select profile_id from {{ news }});

    insert into {{ target }} ({{ names }})
    select {{ names }} from {{ rows }}
{% endmacro %}

{# dbt on DuckDB runs a model in a transaction; on Snowflake every statement is one of its own. #}
{% macro snowflake__replace_people_sql(target, rows, columns) %}
    {{ return(snowflake_dml_explicit_transaction(default__replace_people_sql(target, rows, columns))) }}
{% endmacro %}
