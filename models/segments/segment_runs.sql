-- Grain: one row per segment and run that followed it. Written after the history, so a run that
-- was cut off before is none. Kept on a full refresh; an earlier moment than the last is not
-- written.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['segment', 'run_at'],
        full_refresh=false,
        on_schema_change='append_new_columns',
    )
}}

-- depends_on: {{ ref('segment_history') }}
with

segment_definitions as (

    select * from {{ ref('segment_definitions') }}

),

final as (

    select
        segment,
        {{ as_of() }} as run_at,
        definition_hash
    from segment_definitions
    {% if is_incremental() %}
        where {{ as_of() }} >= (
            select coalesce(max(run_at), {{ as_of() }}) from {{ this }}
        )
    {% endif %}

)

select * from final
