-- Grain: one profile in Klaviyo, deleted ones included: what they clicked or refused still
-- happened.
with

persons as (
    select
        *,
        {{ country_code('country') }} as country_code
    from {{ source('raw_klaviyo', 'person') }}
    {{ latest('id', '_fivetran_synced') }}
),

final as (
    select
        -- ids
        {{ normalise_identifier('klaviyo_id', 'id') }} as klaviyo_id,

        -- strings
        {{ normalise_identifier('email', 'email') }} as email,
        {{ normalise_identifier('phone', 'phone_number', 'country_code') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('city') }} as city,
        {{ clean_text('zip') }} as postal_code,
        country_code as country,

        -- booleans
        coalesce(_fivetran_deleted, false) as is_deleted,

        -- timestamps
        coalesce(updated, created) as updated_at
    from persons
)

select * from final
