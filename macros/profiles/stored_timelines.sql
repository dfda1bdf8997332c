{# What profile_events holds of each person now, before this run writes it, as SQL: profile_id, count_events, fingerprint.

   It is added up from the rows that are there and not from a note of them, so that it is true whatever was killed, repeated
   or built alone. Rows of a time when events had no hash have no fingerprint, and differ from whatever is there. #}
{% macro stored_timelines() -%}
    {%- set stored = stored_relation('profile_events') -%}
    {%- set lacking = lacking_columns(stored, ['event_hash']) -%}
    {%- if lacking is none -%}
    select
        cast(null as {{ dbt.type_string() }}) as profile_id,
        cast(null as {{ dbt.type_bigint() }}) as count_events,
        cast(null as {{ dbt.type_bigint() }}) as fingerprint
    where false
    {%- else -%}
    select
        profile_id,
        count(*) as count_events,
        {{ 'cast(null as ' ~ dbt.type_bigint() ~ ')' if lacking
            else events_fingerprint('count(*)', 'sum(event_hash)') }} as fingerprint
    from {{ stored }}
    group by profile_id
    {%- endif -%}
{%- endmacro %}

{# What profile_timelines says of each person, before this run writes it, as SQL: profile_id, fingerprint, changed_at. #}
{% macro noted_timelines() -%}
    {%- set stored = stored_relation('profile_timelines') -%}
    {%- if stored is none -%}
    select
        cast(null as {{ dbt.type_string() }}) as profile_id,
        cast(null as {{ dbt.type_bigint() }}) as fingerprint,
        cast(null as {{ dbt.type_timestamp() }}) as changed_at
    where false
    {%- else -%}
    select profile_id, fingerprint, changed_at from {{ stored }}
    {%- endif -%}
{%- endmacro %}
