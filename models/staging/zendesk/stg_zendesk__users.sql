-- Grain: one person who wrote to support.
with

users as (
    select * from {{ source('raw_zendesk', 'user') }}
    {{ latest('id', typed('loaded_at', 'timestamp')) }}
),

final as (
    select
        -- ids
        cast(users.id as varchar) as zendesk_id,
        {{ clean_text('users.external_id') }} as user_id,

        -- strings
        {{ normalise_email('users.email') }} as email,
        {{ normalise_phone('users.phone', country_of_locale('users.locale')) }} as phone,
        {{ language_of_locale('users.locale') }} as language,

        -- timestamps
        coalesce(
            {{ typed('users.updated_at', 'timestamp') }},
            {{ typed('users.created_at', 'timestamp') }}
        ) as updated_at
    from users
)

select * from final
