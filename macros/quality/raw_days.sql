{# How many rows each raw table got on each day, of every table whose yml says when a row was loaded (`loaded_at_field`).

   The tables are found in the graph and read without ref or source: dbt wants those named before the graph is known, and
   a new pack should be here by itself. Only two columns of a table are read. #}
{% macro raw_days() -%}
    {%- set tables = watched_tables() if execute else [] -%}
    {%- for node in tables %}
    {%- set key = quality_of(node).get('key') %}
    select
        '{{ pack_of(node) }}' as source,
        '{{ node.name }}' as raw_table,
        '{{ key or '' }}' as key_column,
        cast({{ node.loaded_at_field }} as date) as loaded_on,
        cast(count(*) as {{ dbt.type_bigint() }}) as count_rows,
        cast({{ 'count(*) - count(' ~ key ~ ')' if key else '0' }} as {{ dbt.type_bigint() }}) as rows_without_key,
        max(cast({{ node.loaded_at_field }} as {{ dbt.type_timestamp() }})) as newest_at
    from {{ node.relation_name }}
    group by cast({{ node.loaded_at_field }} as date)
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- else %}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as raw_table,
        cast(null as varchar) as key_column,
        cast(null as date) as loaded_on,
        cast(null as {{ dbt.type_bigint() }}) as count_rows,
        cast(null as {{ dbt.type_bigint() }}) as rows_without_key,
        cast(null as {{ dbt.type_timestamp() }}) as newest_at
    where false
    {%- endfor %}
{%- endmacro %}

{# The raw tables that say when a row was loaded, in the order of their names. #}
{% macro watched_tables() -%}
    {%- set tables = [] -%}
    {%- for node in graph.sources.values() | sort(attribute='unique_id') if node.loaded_at_field -%}
        {%- do tables.append(node) -%}
    {%- endfor -%}
    {{ return(tables) }}
{%- endmacro %}

{# The source pack of a raw table: the folder that declares it. #}
{% macro pack_of(node) -%}
    {{ return(node.original_file_path.replace('\\', '/').split('/')[-2]) }}
{%- endmacro %}
