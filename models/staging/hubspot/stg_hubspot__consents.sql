-- Grain: one address, or contact without one, whose box "unsubscribed from all e-mail" is ticked.
-- The box has no time of its own: it counts as of the contact's last change. A contact that was
-- deleted had the box ticked all the same, and a box that is not ticked says nothing.
with

contacts as (
    select * from {{ source('raw_hubspot', 'contact') }}
    {{ latest('id', '_fivetran_synced') }}
),

opted_out as (
    select
        {{ normalise_identifier('hubspot_id', 'id') }} as hubspot_id,
        {{ normalise_identifier('email', 'property_email') }} as email,
        coalesce(property_lastmodifieddate, property_createdate) as updated_at
    from contacts
    where property_hs_email_optout
),

final as (
    select
        'hubspot' as source,
        case when email is not null then 'email' else 'hubspot_id' end as identifier_type,
        coalesce(email, hubspot_id) as identifier_value,
        'email_marketing' as purpose,
        'denied' as status,
        cast(null as varchar) as jurisdiction,
        max(updated_at) as occurred_at
    from opted_out
    group by 2, 3
)

select * from final
