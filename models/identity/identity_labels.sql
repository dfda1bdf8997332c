-- Grain: one row per identifier ever registered. canonical_seq is its person: the number of the
-- person's oldest identifier.
-- One statement moves the whole graph from one state to the next, so a run that dies leaves the old
-- state or the new.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='node_seq',
    full_refresh=false,
) }}

-- The changes are logged first: if the run dies in between, the next one takes what it logged out
-- again before it logs its own.
-- depends_on: {{ ref('identity_changes') }}

with moves as (
    select
        node_seq,
        canonical_seq,
        batch
    from {{ ref('identity_moves') }}
),

final as (
    select
        node_seq,
        canonical_seq,
        batch
    from moves
    {% if is_incremental() %}
    -- Moves that were worked out against an older state than this one are not applied again.
    where batch > (select coalesce(max(batch), 0) from {{ this }})
    {% endif %}
)

select * from final
