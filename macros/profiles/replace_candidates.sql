{# The incremental strategy `replace_candidates`: whoever is among the model's rows loses the rows that they had, and gets
   these, in one transaction. A row without a rank only says that the person has none any more. #}
{% macro get_incremental_replace_candidates_sql(arguments) %}
    {{ return(adapter.dispatch('replace_candidates_sql', 'weft')(
        arguments['target_relation'], arguments['temp_relation'], arguments['dest_columns']
    )) }}
{% endmacro %}

{% macro default__replace_candidates_sql(target, rows, columns) %}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ target }}
    where profile_id in (select profile_id from {{ rows }});

    insert into {{ target }} ({{ names }})
    select {{ names }} from {{ rows }}
    where rank_of_value is not null
{% endmacro %}

{# dbt on DuckDB runs a model in a transaction; on Snowflake every statement is one of its own. #}
{% macro snowflake__replace_candidates_sql(target, rows, columns) %}
    {{ return(snowflake_dml_explicit_transaction(default__replace_candidates_sql(target, rows, columns))) }}
{% endmacro %}
