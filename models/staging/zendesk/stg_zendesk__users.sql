-- Grain: one person who wrote to support.
with

users as (
    select * from {{ source('raw_zendesk', 'user') }}
    {{ latest('id', typed('loaded_at', 'timestamp')) }}
),

final as (
    select
        -- ids
        {{ normalise_identifier('zendesk_id', 'users.id') }} as zendesk_id,
        {{ normalise_identifier('user_id', 'users.external_id') }} as user_id,

        -- strings
        {{ normalise_identifier('email', 'users.email') }} as email,
        {{ normalise_identifier(
            'phone', 'users.phone', country_of_locale('users.locale')
        ) }} as phone,
        {{ language_of_locale('users.locale') }} as language,

        -- timestamps
        coalesce(
            {{ typed('users.updated_at', 'timestamp') }},
            {{ typed('users.created_at', 'timestamp') }}
        ) as updated_at
    from users
)

select * from final
