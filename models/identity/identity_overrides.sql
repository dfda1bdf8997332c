-- Grain: one row per decision by hand that two identifiers are one person (include) or are not
-- (exclude). `weft identity` writes it; dbt only makes sure that it is there, and keeps it.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with final as (
    select
        cast(null as varchar) as override_id,
        cast(null as varchar) as kind,
        cast(null as varchar) as type_a,
        cast(null as varchar) as value_a,
        cast(null as varchar) as type_b,
        cast(null as varchar) as value_b,
        cast(null as varchar) as because,
        cast(null as varchar) as decided_by,
        cast(null as {{ dbt.type_timestamp() }}) as decided_at,
        cast(null as varchar) as undone_by,
        cast(null as {{ dbt.type_timestamp() }}) as undone_at
)

select * from final
where false
