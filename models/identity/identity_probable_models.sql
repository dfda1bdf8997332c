-- Grain: one row per model that `weft identity score` has trained. It holds what scoring with it
-- again takes, and no value of any person.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with final as (
    select
        cast(null as varchar) as model_version,
        cast(null as {{ dbt.type_timestamp() }}) as trained_at,
        cast(null as varchar) as trained_with,
        cast(null as {{ dbt.type_bigint() }}) as count_records,
        cast(null as varchar) as settings
)

select * from final
where false
