-- Grain: one row per day, metric, identifier type and detail, as the day's last run left the graph.
-- A metric called ..._by_... holds the parts of the one without it: do not add both up. Merges and
-- splits are those of the day. A full refresh keeps the history, and no run writes into the past.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='measured_on',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- depends_on: {{ ref('identity_batches') }}
with identifiers as (
    select * from {{ ref('identity_health_identifiers') }}
),

people as (
    select * from {{ ref('identity_health_people') }}
),

refusals as (
    select * from {{ ref('identity_health_refusals') }}
),

hubs as (
    select
        node_seq,
        identifier_type,
        is_shared,
        count_neighbours,
        position
    from {{ ref('identity_hubs') }}
),

linking as (
    select * from hubs
    where not is_shared
),

shared as (
    select * from hubs
    where is_shared
),

changes as (
    select kind from {{ ref('identity_changes') }}
    where cast(changed_at as date) = cast({{ as_of() }} as date)
),

changed as (
    select
        count(case when changes.kind = 'merge' then 1 end) as count_merges,
        count(case when changes.kind = 'split' then 1 end) as count_splits,
        max(people.value) as count_people
    from people
    left join changes on true
    where people.metric = 'people'
),

measured as (
    select * from identifiers
    union all
    select * from people
    union all
    select * from refusals
    union all
    {{ health_rows('merges', 'changed', 'count_merges', whole='count_people') }}
    union all
    {{ health_rows('splits', 'changed', 'count_splits', whole='count_people') }}
    {% for kind, name in {'linking': '', 'shared': 'shared_'}.items() %}
        union all
        {{ health_rows(
            'most_connected_' ~ name ~ 'identifiers', kind, 'count_neighbours',
            identifier_type='identifier_type',
            detail='position', position='position', node_seq='node_seq',
        ) }}
    {% endfor %}
),

final as (
    select
        cast({{ as_of() }} as date) as measured_on,
        metric,
        identifier_type,
        detail,
        position,
        value,
        share,
        profile_id,
        node_seq,
        {{ as_of() }} as measured_at
    from measured
    {% if is_incremental() %}
        where {{ as_of() }} >= (
            select coalesce(max(measured_at), {{ as_of() }}) from {{ this }}
        )
    {% endif %}
)

select * from final
