-- Grain: one statement about e-mail marketing, made in an e-mail or a form. Calling a mail spam is
-- a refusal too.
with

engagements as (
    select * from {{ ref('stg_klaviyo__engagements') }}
    where event_name in ('email_subscribed', 'email_unsubscribed', 'email_marked_spam')
),

final as (
    select
        'klaviyo' as source,
        identifier_type,
        identifier_value,
        'email_marketing' as purpose,
        case when event_name = 'email_subscribed' then 'granted' else 'denied' end as status,
        cast(null as varchar) as jurisdiction,
        occurred_at
    from engagements
    -- of what was said at the same moment, the refusal counts
    qualify row_number() over (
        partition by identifier_type, identifier_value, occurred_at order by event_name desc
    ) = 1
)

select * from final
