-- Grain: one identifier of one request to be forgotten.
with

requests as (
    select * from {{ source('raw_consent', 'erasure_request') }}
    {{ latest('request_id', typed('loaded_at', 'timestamp')) }}
),

named as (
    select
        {{ normalise_identifier('user_id', 'user_id') }} as user_id,
        {{ normalise_identifier('email', 'email') }} as email,
        {{ typed('requested_at', 'timestamp') }} as requested_at
    from requests
),

final as (
    select
        'consent' as source,
        'user_id' as identifier_type,
        user_id as identifier_value,
        min(requested_at) as requested_at
    from named
    where user_id is not null
    group by user_id

    union all

    select
        'consent' as source,
        'email' as identifier_type,
        email as identifier_value,
        min(requested_at) as requested_at
    from named
    where email is not null
    group by email

    union all

    -- a request that names nobody is held back, and not lost
    select
        'consent' as source,
        'email' as identifier_type,
        '' as identifier_value,
        requested_at
    from named
    where user_id is null and email is null
)

select * from final
