-- Grain: one row per statement of an identifier about a purpose: a row of the consents contract,
-- or an event that the seed consent_events names. Whatever is not plainly a yes is a no.
with

consents as (

    select * from {{ ref('consents') }}

),

events as (

    select * from {{ ref('events') }}

),

consent_events as (

    select * from {{ ref('consent_events') }}

),

said as (

    select
        source,
        identifier_type,
        identifier_value,
        purpose,
        status,
        cast(null as varchar) as event_name,
        occurred_at
    from consents

    union all

    select
        events.source,
        events.identifier_type,
        events.identifier_value,
        consent_events.purpose,
        consent_events.status,
        events.event_name,
        events.occurred_at
    from events
    inner join consent_events
        on events.event_name = consent_events.event_name

),

final as (

    select
        source,
        identifier_type,
        identifier_value,
        lower({{ clean_text('purpose') }}) as purpose,
        case when lower({{ clean_text('status') }}) = 'granted' then 'granted' else 'denied' end
            as status,
        event_name,
        occurred_at
    from said

)

select * from final
where purpose is not null
