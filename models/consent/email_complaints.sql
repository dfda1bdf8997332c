-- Grain: one row per identifier and kind of complaint: an address that does not exist (a soft bounce is
-- not one), or a person who called a mail spam.
with

events as (

    select * from {{ ref('events') }}

),

named as (

    select
        source,
        identifier_type,
        identifier_value,
        occurred_at,
        case
            when event_name = 'email_marked_spam' then 'spam_complaint'
            when lower({{ json_text('properties', 'bounce_type') }}) = 'hard' then 'hard_bounce'
        end as reason
    from events
    where event_name in ('email_bounced', 'email_marked_spam')

),

final as (

    select
        source,
        identifier_type,
        identifier_value,
        reason,
        min(occurred_at) as suppressed_at
    from named
    where reason is not null
    group by source, identifier_type, identifier_value, reason

)

select * from final
