-- Grain: one row per batch, profile that lost identifiers and profile that got them.
-- 'merge': the profile is gone, what it was is now part of the other. 'split': it lives on without
-- these identifiers. The cause is the edge that did it, by numbers of identity_nodes.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['batch', 'profile_id_from', 'profile_id_into'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook="{{ forget_unapplied_changes() }}",
) }}

with moves as (
    select
        node_seq,
        previous_seq,
        canonical_seq,
        batch
    from {{ ref('identity_moves') }}
    where previous_seq is not null and previous_seq <> canonical_seq
),

-- A profile follows its oldest identifier: where that goes, the profile goes.
moved as (
    select
        batch,
        previous_seq,
        canonical_seq,
        max(case when node_seq = previous_seq then 1 else 0 end) as has_anchor,
        count(*) as count_identifiers
    from moves
    group by batch, previous_seq, canonical_seq
),

causes as (
    {{ causes_of_changes(
        moves=ref('identity_moves'),
        edges=ref('identity_edges'),
        nodes=ref('identity_nodes'),
        rules=ref('identity_rules'),
        labels=stored_state('identity_labels'),
        finished=finished_batch(),
    ) }}
),

final as (
    select
        moved.batch,
        {{ profile_id('moved.previous_seq') }} as profile_id_from,
        {{ profile_id('moved.canonical_seq') }} as profile_id_into,
        case when moved.has_anchor = 1 then 'merge' else 'split' end as kind,
        moved.count_identifiers,
        {{ as_of() }} as changed_at,
        causes.a as cause_a,
        causes.b as cause_b,
        causes.rule as cause_rule,
        causes.source as cause_source,
        causes.reason as cause_reason
    from moved
    left join causes
        on
            moved.previous_seq = causes.previous_seq
            and moved.canonical_seq = causes.canonical_seq
            and moved.has_anchor = causes.is_joined
)

select * from final
