-- Grain: one row per identifier ever seen that was not blocked at first sight.
-- node_seq is given once, in the order of first sight, and is never changed or given again, not
-- even by a full refresh: every profile id is made of one.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with sightings as (
    select
        identifier_type,
        identifier_value,
        first_seen_at
    from {{ ref('identity_sightings') }}
    where blocked_because is null
),

{% if is_incremental() %}
registered as (
    select identifier_type, identifier_value from {{ this }}
),

highest as (
    select coalesce(max(node_seq), 0) as node_seq from {{ this }}
),

{% else %}
    highest as (
        select 0 as node_seq
    ),

{% endif %}
unregistered as (
    select
        sightings.identifier_type,
        sightings.identifier_value,
        sightings.first_seen_at
    from sightings
    {% if is_incremental() %}
    left join registered
        on
            sightings.identifier_type = registered.identifier_type
            and sightings.identifier_value = registered.identifier_value
    where registered.identifier_value is null
    {% endif %}
),

final as (
    select
        cast(
            highest.node_seq + row_number() over (
                order by
                    unregistered.first_seen_at asc nulls last,
                    unregistered.identifier_type asc,
                    unregistered.identifier_value asc
            ) as {{ dbt.type_bigint() }}
        ) as node_seq,
        unregistered.identifier_type,
        unregistered.identifier_value,
        unregistered.first_seen_at
    from unregistered
    cross join highest
)

select * from final
