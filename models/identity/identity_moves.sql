-- Grain: one row per identifier whose component or person changes in this run; none when nothing
-- changed.
-- This model does the solving, but writes no state: identity_changes, identity_refusals and
-- identity_labels apply it. It reads what the last run left of them by name, because they come
-- after it. A full refresh solves the whole graph again and so finds any label that is not what it
-- should be.
{{ config(
    materialized='table',
    post_hook="{{ drop_work_tables(['pointers', 'reached', 'repaired']) }}",
) }}

-- depends_on: {{ ref('identity_nodes') }}
-- depends_on: {{ ref('identity_edges') }}
-- depends_on: {{ ref('identity_rules') }}
{% set moved = solve_identity(
    nodes=ref('identity_nodes'),
    edges=ref('identity_edges'),
    labels=stored_state('identity_labels'),
    rules=ref('identity_rules'),
    refusals=stored_relation('identity_refusals'),
    finished=finished_batch(),
    is_afresh=flags.FULL_REFRESH or not has_same_rules(),
) %}

with moved as (
    {{ moved }}
),

batches as (
    select {{ next_batch() }} as batch
),

final as (
    select
        moved.node_seq,
        moved.previous_component_seq,
        moved.component_seq,
        moved.previous_seq,
        moved.canonical_seq,
        batches.batch
    from moved
    cross join batches
)

select * from final
