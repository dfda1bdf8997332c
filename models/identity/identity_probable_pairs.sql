-- Grain: one row per pair of identifiers that the newest scoring found probable, or that a person
-- decided on. `weft identity score` writes them and `weft identity review` the decisions; dbt only
-- makes sure that the table is there, and keeps it.
-- A weight is a probability, and no decision: what links is in identity_edges.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    meta={'identity_probable': identity_probable()},
) }}

with final as (
    select
        cast(null as varchar) as type_a,
        cast(null as varchar) as value_a,
        cast(null as varchar) as type_b,
        cast(null as varchar) as value_b,
        cast(null as varchar) as model_version,
        cast(null as double precision) as weight,
        cast(null as {{ dbt.type_timestamp() }}) as scored_at,
        cast(null as varchar) as decision,
        cast(null as varchar) as decided_by,
        cast(null as {{ dbt.type_timestamp() }}) as decided_at
)

select * from final
where false
