-- Grain: one contact of the CRM that was not deleted, with the company that it was tied to last.
with

contacts as (
    select * from {{ source('raw_hubspot', 'contact') }}
    {{ latest('id', '_fivetran_synced') }}
),

companies as (
    select * from {{ source('raw_hubspot', 'company') }}
    {{ latest('id', '_fivetran_synced') }}
),

contact_companies as (
    select * from {{ source('raw_hubspot', 'contact_company') }}
    qualify row_number() over (partition by contact_id order by _fivetran_synced desc, company_id desc) = 1
),

final as (
    select
        -- ids
        cast(contacts.id as varchar) as hubspot_id,

        -- strings
        {{ normalise_email('contacts.property_email') }} as email,
        {{ normalise_phone('contacts.property_phone', country_code('contacts.property_country')) }} as phone,
        {{ clean_text('contacts.property_firstname') }} as first_name,
        {{ clean_text('contacts.property_lastname') }} as last_name,
        {{ clean_text('contacts.property_jobtitle') }} as job_title,
        {{ country_code('contacts.property_country') }} as country,
        case
            when not coalesce(companies._fivetran_deleted, false) then {{ clean_text('companies.property_name') }}
        end as company_name,

        -- timestamps
        coalesce(contacts.property_lastmodifieddate, contacts.property_createdate) as updated_at
    from contacts
    left join contact_companies on contacts.id = contact_companies.contact_id
    left join companies on contact_companies.company_id = companies.id
    where not coalesce(contacts._fivetran_deleted, false)
)

select * from final
