-- Grain: one customer of the shop, deleted ones included: each contract decides what deletion means
-- for it.
with

customers as (
    select * from {{ source('raw_shopify', 'customer') }}
    {{ latest('id', '_fivetran_synced') }}
),

addresses as (
    select * from {{ source('raw_shopify', 'customer_address') }}
    {{ latest('id', '_fivetran_synced') }}
),

default_addresses as (
    select
        customer_id,
        {{ clean_text('city') }} as city,
        {{ clean_text('zip') }} as postal_code,
        upper({{ clean_text('country_code') }}) as country,
        phone
    from addresses
    where is_default
    qualify row_number() over (
        partition by customer_id order by _fivetran_synced desc, id desc
    ) = 1
),

final as (
    select
        -- ids
        {{ normalise_identifier('user_id', 'customers.id') }} as user_id,

        -- strings
        {{ normalise_identifier('email', 'customers.email') }} as email,
        coalesce(
            {{ normalise_identifier('phone', 'customers.phone', 'default_addresses.country') }},
            {{ normalise_identifier(
                'phone', 'default_addresses.phone', 'default_addresses.country'
            ) }}
        ) as phone,
        {{ clean_text('customers.first_name') }} as first_name,
        {{ clean_text('customers.last_name') }} as last_name,
        default_addresses.city,
        default_addresses.postal_code,
        default_addresses.country,
        customers.email_marketing_consent_state,

        -- booleans
        customers.verified_email as is_email_verified,
        coalesce(customers._fivetran_deleted, false) as is_deleted,

        -- timestamps
        customers.created_at,
        coalesce(customers.updated_at, customers.created_at) as updated_at,
        customers.email_marketing_consent_consent_updated_at as consent_updated_at,
        customers._fivetran_synced as synced_at
    from customers
    left join default_addresses on customers.id = default_addresses.customer_id
)

select * from final
