{# Fails with every raw table of which each record is one event (`becomes: events` in its yml), and of which more or fewer
   records than there are stand in checked_events: a filter or a join of the pack loses rows without a word, or doubles them. #}
{% test every_record_is_checked(model, events) %}
with

records as (
    {%- set tables = [] %}
    {%- for node in (watched_tables() if execute else []) if quality_of(node).get('becomes') %}
        {%- do tables.append(node) %}
    {%- endfor %}
    {%- for node in tables %}
    select
        '{{ pack_of(node) }}' as source,
        '{{ node.name }}' as raw_table,
        count(distinct {{ quality_of(node).key }}) as count_records
    from {{ node.relation_name }}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select cast(null as varchar) as source, cast(null as varchar) as raw_table, 0 as count_records
    where false
    {%- endfor %}
),

checked as (
    select
        source,
        split_part(event_id, ':', 2) as raw_table,
        count(*) as count_checked
    from {{ events }}
    group by source, split_part(event_id, ':', 2)
)

select
    records.source,
    records.raw_table,
    records.count_records,
    coalesce(checked.count_checked, 0) as count_checked
from records
left join checked
    on records.source = checked.source and records.raw_table = checked.raw_table
where records.count_records <> coalesce(checked.count_checked, 0)
{% endtest %}
