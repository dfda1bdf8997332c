-- Grain: one row per batch, profile that lost identifiers and profile that got them.
-- 'merge': the profile is gone, what it was is now part of the other. 'split': it lives on without
-- these identifiers.
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

final as (
    select
        batch,
        {{ profile_id('previous_seq') }} as profile_id_from,
        {{ profile_id('canonical_seq') }} as profile_id_into,
        case when has_anchor = 1 then 'merge' else 'split' end as kind,
        count_identifiers,
        {{ as_of() }} as changed_at
    from moved
)

select * from final
