-- Grain: one row per profile id that was ever merged away and is nobody's own today.
-- Chains are resolved: it names the profile that holds the former one's identifiers now. An id that
-- came back to life by a split is none, so a row can disappear.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='former_profile_id',
    on_schema_change='append_new_columns',
    full_refresh=false,
    post_hook="{{ forget_revived_aliases(ref('identity_labels')) }}",
) }}

with labels as (
    select
        node_seq,
        canonical_seq,
        batch
    from {{ ref('identity_labels') }}
),

changes as (
    select
        profile_id_from,
        kind,
        changed_at
    from {{ ref('identity_changes') }}
),

-- A profile that was merged away, or merged on, has moved: only those who did are looked at.
moved as (
    select
        {{ profile_id('node_seq') }} as former_profile_id,
        {{ profile_id('canonical_seq') }} as profile_id
    from labels
    where canonical_seq <> node_seq and batch > {{ finished_batch() if is_incremental() else -1 }}
),

merged as (
    select
        profile_id_from as former_profile_id,
        max(changed_at) as merged_at
    from changes
    where kind = 'merge'
    group by profile_id_from
),

final as (
    select
        merged.former_profile_id,
        moved.profile_id,
        merged.merged_at
    from merged
    inner join moved on merged.former_profile_id = moved.former_profile_id
)

select * from final
