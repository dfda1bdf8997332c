-- Grain: one row per segment, person and stay. An open stay has no exited_at. It is the one table
-- here that the raw data cannot give back, so a full refresh keeps it. A stay begins and ends at
-- the moment of the run that noticed it: the same moment again changes nothing, and an earlier
-- moment than that of the last run is not written.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['segment', 'profile_id', 'entered_at'],
        merge_update_columns=['exited_at', 'reason'],
        full_refresh=false,
        on_schema_change='append_new_columns',
        pre_hook="{{ refuse_unfit_members(ref('segment_members')) }}",
    )
}}
{% set stays = this if is_incremental() else no_stays() %}

with members as (
    select * from {{ ref('segment_members') }}
),

definitions as (
    select * from {{ ref('segment_definitions') }}
),

timelines as (
    select * from {{ ref('profile_timelines') }}
),

changes_of as (
    select * from {{ ref('profile_changes') }}
),

departures as (
    select * from {{ ref('profile_departures') }}
),

aliases as (
    select * from {{ ref('identity_aliases') }}
),

-- Each reading of the stays begins at the table: of one CTE that several conditions read, DuckDB
-- 2.0 may forget one.
open_stays as (
    select * from {{ stays }} as stays
    where exited_at is null
),

closed_stays as (
    select * from {{ stays }} as stays
    where exited_at is not null
),

entries as (
    {{ segment_entries() }}
),

exits as (
    {{ segment_exits() }}
),

changes as (
    select * from entries

    union all

    select * from exits
),

recorded as (
    select max(coalesce(exited_at, entered_at)) as recorded_at
    from {{ stays }} as stays

    union all

    select max(segment_runs.run_at) as recorded_at
    from {{ stored_state('segment_runs') }} as segment_runs
),

final as (
    select * from changes
    where {{ as_of() }} >= (
        select coalesce(max(recorded.recorded_at), {{ as_of() }}) from recorded
    )
)

select * from final
