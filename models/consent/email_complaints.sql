-- Grain: one row per e-mail address and kind of complaint: an address that does not exist (a soft
-- bounce is not one), or a person who called a mail spam. A tool that reports it under its own id
-- has the address in the record of that id.
with

events as (

    select * from {{ ref('events') }}

),

identifiers as (

    select * from {{ ref('identifiers') }}

),

reported as (

    select
        source,
        identifier_type,
        identifier_value,
        case
            when event_name = 'email_marked_spam' then 'spam_complaint'
            when lower({{ json_text('properties', 'bounce_type') }}) = 'hard' then 'hard_bounce'
        end as reason,
        min(occurred_at) as suppressed_at
    from events
    where event_name in ('email_bounced', 'email_marked_spam')
    group by 1, 2, 3, 4

),

addressed as (

    select
        identifier_value as email,
        reason,
        suppressed_at
    from reported
    where identifier_type = 'email'

    union all

    select
        addresses.identifier_value as email,
        reported.reason,
        reported.suppressed_at
    from reported
    inner join identifiers as own_ids
        on
            reported.source = own_ids.source
            and reported.identifier_type = own_ids.identifier_type
            and reported.identifier_value = own_ids.identifier_value
    inner join identifiers as addresses
        on
            own_ids.source = addresses.source
            and own_ids.record_id = addresses.record_id
            and addresses.identifier_type = 'email'
    where reported.identifier_type <> 'email'

),

final as (

    select
        email,
        reason,
        min(suppressed_at) as suppressed_at
    from addressed
    where reason is not null
    group by 1, 2

)

select * from final
