-- Grain: one row per segment, person and stay. An open stay has no exited_at. It is the one table
-- here that the raw data cannot give back, so a full refresh keeps it. A stay begins and ends at
-- the moment of the run that noticed it: the same moment again changes nothing, and an earlier
-- moment than the last one recorded is not written.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['segment', 'profile_id', 'entered_at'],
        full_refresh=false,
        on_schema_change='append_new_columns',
    )
}}

with

segment_members as (

    select * from {{ ref('segment_members') }}

),

profile_departures as (

    select * from {{ ref('profile_departures') }}

),

history as (

    {% if is_incremental() %}
        select
            segment,
            profile_id,
            entered_at,
            exited_at
        from {{ this }}
    {% else %}
        select
            segment,
            profile_id,
            {{ as_of() }} as entered_at,
            {{ as_of() }} as exited_at
        from segment_members
        where false
    {% endif %}

),

recorded as (

    select max(coalesce(exited_at, entered_at)) as recorded_at from history

),

open_stays as (

    select * from history
    where exited_at is null

),

entries as (

    select
        segment_members.segment,
        segment_members.profile_id,
        {{ as_of() }} as entered_at,
        cast(null as {{ dbt.type_timestamp() }}) as exited_at,
        cast(null as {{ dbt.type_string() }}) as reason
    from segment_members
    left join open_stays
        on
            segment_members.segment = open_stays.segment
            and segment_members.profile_id = open_stays.profile_id
    where open_stays.profile_id is null

),

exits as (

    select
        open_stays.segment,
        open_stays.profile_id,
        open_stays.entered_at,
        {{ as_of() }} as exited_at,
        coalesce(profile_departures.reason, 'left') as reason
    from open_stays
    left join segment_members
        on
            open_stays.segment = segment_members.segment
            and open_stays.profile_id = segment_members.profile_id
    left join profile_departures
        on open_stays.profile_id = profile_departures.profile_id
    where segment_members.profile_id is null

),

changes as (

    select * from entries

    union all

    select * from exits

),

final as (

    select changes.*
    from changes
    cross join recorded
    where {{ as_of() }} >= coalesce(recorded.recorded_at, {{ as_of() }})

)

select * from final
