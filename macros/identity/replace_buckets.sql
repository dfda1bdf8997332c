{# The incremental strategy `replace_buckets`: the rows of the buckets that are news give way to the model's, in one
   transaction. A bucket that is empty now loses its rows too, for which a merge or a delete by key would have no row.

   A model says in its meta which kind of bucket it holds: `bucket_kind`. Rows without a bucket are of a form that the
   table had once. When everything is read, everything gives way: what a killed run wrote may be in buckets that nobody
   noted. #}
{% macro get_incremental_replace_buckets_sql(arguments) %}
    {{ return(adapter.dispatch('replace_buckets_sql', 'weft')(
        arguments['target_relation'],
        arguments['temp_relation'],
        arguments['dest_columns'],
        config.get('meta')['bucket_kind'],
    )) }}
{% endmacro %}

{% macro default__replace_buckets_sql(target, rows, columns, kind) %}
    {%- set news = api.Relation.create(target.database, target.schema, 'identity_news') -%}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ target }}
    {%- if not reads_everything() %}
    where bucket is null or bucket in (select bucket from {{ news }} where kind = '{{ kind }}')
    {%- endif %};

    insert into {{ target }} ({{ names }})
    select {{ names }} from {{ rows }}
{% endmacro %}

{# dbt on DuckDB runs a model in a transaction; on Snowflake every statement is one of its own. #}
{% macro snowflake__replace_buckets_sql(target, rows, columns, kind) %}
    {{ return(snowflake_dml_explicit_transaction(default__replace_buckets_sql(target, rows, columns, kind))) }}
{% endmacro %}
