-- Grain: one row per identifier ever registered. component_seq is what active edges connect it to,
-- canonical_seq its person, which is the same unless a limit keeps people apart: each is the number
-- of the oldest identifier in it.
-- One statement moves the whole graph from one state to the next, so a run that dies leaves the old
-- state or the new.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- The changes are logged first: if the run dies in between, the next one takes what it logged out
-- again before it logs its own. So are the refusals, which the next run finds again.
-- depends_on: {{ ref('identity_changes') }}
-- depends_on: {{ ref('identity_refusals') }}

with moves as (
    select
        node_seq,
        component_seq,
        canonical_seq,
        batch
    from {{ ref('identity_moves') }}
),

final as (
    select
        node_seq,
        component_seq,
        canonical_seq,
        batch
    from moves
    {% if is_incremental() %}
    -- Moves that were worked out against an older state than this one are not applied again.
    where batch > (select coalesce(max(batch), 0) from {{ this }})
    {% endif %}
)

select * from final
