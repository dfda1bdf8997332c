-- Grain: one e-mail address's state of consent, as of its last change. It belongs to the address,
-- so it is tied to that.
-- Who deletes the account withdraws the consent given with it; a later grant for the same address
-- counts again.
with

customers as (
    select * from {{ ref('stg_shopify__customers') }}
),

statements as (
    select
        coalesce(email, user_id) as identifier_value,
        case when email is not null then 'email' else 'user_id' end as identifier_type,
        case
            when is_deleted then 'denied'
            when email_marketing_consent_state = 'subscribed' then 'granted'
            when email_marketing_consent_state = 'unsubscribed' then 'denied'
        end as status,
        case
            when is_deleted then synced_at
            else coalesce(consent_updated_at, updated_at)
        end as occurred_at
    from customers
),

final as (
    select
        'shopify' as source,
        identifier_type,
        identifier_value,
        'email_marketing' as purpose,
        status,
        cast(null as varchar) as jurisdiction,
        occurred_at
    from statements
    where status is not null
    -- two customers with one address: of what they said at the same moment, the refusal counts
    qualify row_number() over (
        partition by identifier_type, identifier_value, occurred_at order by status
    ) = 1
)

select * from final
