{# What the packs declare of the freshness and the volume of their raw tables: a row per table that says when a row was loaded. #}
{% macro raw_limits() -%}
    {%- set tables = watched_tables() if execute else [] -%}
    {%- set hours = {'minute': 1 / 60, 'hour': 1, 'day': 24} -%}
    {%- for node in tables %}
    {%- set volume = quality_of(node).get('volume') or {} %}
    {%- set limit = (node.freshness or {}).get('warn_after') or {} %}
    select
        '{{ pack_of(node) }}' as source,
        '{{ node.name }}' as raw_table,
        cast({{ limit['count'] * hours[limit.period | string] if limit.get('count') else 'null' }} as {{ dbt.type_bigint() }}) as max_age_hours,
        cast({{ volume.get('low', 'null') }} as decimal(9, 3)) as low,
        cast({{ volume.get('high', 'null') }} as decimal(9, 3)) as high,
        cast({{ volume.get('at_least', 0) }} as {{ dbt.type_bigint() }}) as at_least,
        cast({{ volume.get('days', 28) }} as {{ dbt.type_bigint() }}) as count_days
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- else %}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as raw_table,
        cast(null as {{ dbt.type_bigint() }}) as max_age_hours,
        cast(null as decimal(9, 3)) as low,
        cast(null as decimal(9, 3)) as high,
        cast(null as {{ dbt.type_bigint() }}) as at_least,
        cast(null as {{ dbt.type_bigint() }}) as count_days
    where false
    {%- endfor %}
{%- endmacro %}
