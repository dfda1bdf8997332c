-- Grain: one statement about a purpose that a source pack brought, used or held back.
-- Models read `consents`: the rows that have no reason in held_because.
-- A refusal that is an event, such as a click on unsubscribe, counts from now on even where a rule
-- holds its event back: what is wrong with a row must not let an older yes stand.
with

checked_events as (
    select * from {{ ref('checked_events') }}
),

consent_events as (
    select * from {{ ref('consent_events') }}
),

statements as (
    {{ check_contract('consents') }}
),

final as (
    select * from statements

    union all

    select distinct
        checked_events.source,
        checked_events.identifier_type,
        checked_events.identifier_value,
        consent_events.purpose,
        'denied' as status,
        cast(null as varchar) as jurisdiction,
        {{ as_of() }} as occurred_at,
        cast(null as varchar) as held_because
    from checked_events
    inner join consent_events
        on checked_events.event_name = consent_events.event_name
    where
        checked_events.held_because not like 'left out: %'
        and checked_events.identifier_value <> ''
        and consent_events.status = 'denied'
)

select * from final
