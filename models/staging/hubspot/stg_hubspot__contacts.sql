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
    qualify row_number() over (
        partition by contact_id order by _fivetran_synced desc, company_id desc
    ) = 1
),

located as (
    select
        contacts.*,
        {{ country_code('contacts.property_country') }} as country
    from contacts
    where not coalesce(contacts._fivetran_deleted, false)
),

final as (
    select
        -- ids
        {{ normalise_identifier('hubspot_id', 'located.id') }} as hubspot_id,

        -- strings
        {{ normalise_identifier('email', 'located.property_email') }} as email,
        {{ normalise_identifier('phone', 'located.property_phone', 'located.country') }} as phone,
        {{ clean_text('located.property_firstname') }} as first_name,
        {{ clean_text('located.property_lastname') }} as last_name,
        {{ clean_text('located.property_jobtitle') }} as job_title,
        located.country,
        case
            when not coalesce(companies._fivetran_deleted, false)
                then {{ clean_text('companies.property_name') }}
        end as company_name,

        -- timestamps
        coalesce(located.property_lastmodifieddate, located.property_createdate) as updated_at
    from located
    left join contact_companies on located.id = contact_companies.contact_id
    left join companies on contact_companies.company_id = companies.id
)

select * from final
