-- Grain: one row per identifier whose label changes in this run; none when nothing changed.
-- This model does the solving, but writes no state: identity_changes and identity_labels apply it.
-- It reads the labels as the last run left them, by name, because they come after it. A full
-- refresh solves the whole graph again and so finds any label that is not what it should be.
{{ config(
    materialized='table',
    post_hook="{{ drop_work_tables(['released', 'edges', 'pointers']) }}",
) }}

-- depends_on: {{ ref('identity_nodes') }}
-- depends_on: {{ ref('identity_edges') }}
{% set labels = stored_identity_labels() %}
{% set solved = solve_identity(
    nodes=ref('identity_nodes'),
    edges=ref('identity_edges'),
    labels=labels,
    is_afresh=flags.FULL_REFRESH,
) %}

with start_nodes as (
    {{ solved.start }}
),

roots as (
    {{ solved.roots }}
),

batches as (
    select {{ next_batch() }} as batch
),

final as (
    select
        start_nodes.node_seq,
        start_nodes.previous_seq,
        coalesce(roots.root_seq, start_nodes.start_seq) as component_seq,
        coalesce(roots.root_seq, start_nodes.start_seq) as canonical_seq,
        batches.batch
    from start_nodes
    cross join batches
    left join roots on start_nodes.start_seq = roots.node_seq
    where
        coalesce(roots.root_seq, start_nodes.start_seq)
        is distinct from start_nodes.previous_seq
)

select * from final
