-- Grain: one row per person whose events are not those that profile_events or profile_timelines
-- holds: late, corrected and deleted events, merges, splits, erasures, a moment that went on or
-- back.
-- What is there is compared with what ought to be, person by person, so no run can lose news: one
-- that was killed leaves the difference to the next. Events are added up by identifier first, which
-- saves joining each of them.
with

events as (

    select * from {{ ref('events') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

counted as (

    select
        events.identifier_type,
        events.identifier_value,
        count(*) as count_events,
        sum({{ event_hash('events') }}) as sum_hashes
    from events
    where events.occurred_at <= {{ as_of() }}
    group by events.identifier_type, events.identifier_value

),

present as (

    select
        identity_map.profile_id,
        sum(counted.count_events) as count_events,
        {{ events_fingerprint('sum(counted.count_events)', 'sum(counted.sum_hashes)') }}
            as fingerprint
    from counted
    inner join identity_map
        on
            counted.identifier_type = identity_map.identifier_type
            and counted.identifier_value = identity_map.identifier_value
    left join suppressions
        on
            suppressions.identifier_type = 'profile_id'
            and identity_map.profile_id = suppressions.identifier_value
    where suppressions.identifier_value is null
    group by identity_map.profile_id

),

stored as (

    {{ stored_timelines() }}

),

noted as (

    {{ noted_timelines() }}

),

compared as (

    select
        coalesce(present.profile_id, stored.profile_id, noted.profile_id) as profile_id,
        case
            when present.profile_id is null then 'gone'
            when stored.profile_id is null then 'new'
            when coalesce(present.fingerprint <> stored.fingerprint, true) then 'changed'
            when coalesce(present.fingerprint <> noted.fingerprint, true) then 'unread'
        end as reason,
        cast(coalesce(present.count_events, 0) as {{ dbt.type_bigint() }}) as count_events,
        coalesce(stored.count_events, 0) as count_stored
    from present
    full outer join stored
        on present.profile_id = stored.profile_id
    full outer join noted
        on coalesce(present.profile_id, stored.profile_id) = noted.profile_id

),

final as (

    select * from compared
    where reason is not null

)

select * from final
