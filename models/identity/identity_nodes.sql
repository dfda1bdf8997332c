-- Grain: one row per identifier ever seen that was not blocked at first sight.
-- node_seq is given once, in the order of first sight, and is never changed or given again, not
-- even by a full refresh: every profile id is made of one.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with sighting_news as (
    select
        node_seq,
        identifier_type,
        identifier_value,
        first_seen_at
    from {{ ref('identity_sighting_news') }}
    where is_new
),

final as (
    select
        cast(node_seq as {{ dbt.type_bigint() }}) as node_seq,
        identifier_type,
        identifier_value,
        first_seen_at
    from sighting_news
    {% if is_incremental() %}
    -- Numbers that were worked out against an older registry than this one are not given again.
    where node_seq > (select coalesce(max(node_seq), 0) from {{ this }})
    {% endif %}
)

select * from final
