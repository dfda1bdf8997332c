-- Grain: one identify call. Calls are delivered at least once, so the same id may be loaded twice.
-- A moment in the future is a device with a wrong clock: nothing happened after it was received.
with

identifies as (
    select * from {{ source('raw_segment', 'identifies') }}
),

calls as (
    select * from identifies
    {{ latest('id', 'received_at') }}
),

final as (
    select
        -- ids
        calls.id as identify_id,
        {{ normalise_identifier('anonymous_id', 'anonymous_id') }} as anonymous_id,
        {{ normalise_identifier('user_id', 'user_id') }} as user_id,

        -- strings
        {{ normalise_identifier('email', 'email') }} as email,
        {{ normalise_identifier(
            'phone', 'phone', country_of_locale('context_locale')
        ) }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ language_of_locale('context_locale') }} as language,

        -- timestamps
        {{ segment_occurred_at('calls') }} as occurred_at,
        calls.received_at
    from calls
)

select * from final
