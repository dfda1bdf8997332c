-- Grain: one decision about one purpose.
with

decisions as (
    select * from {{ source('raw_consent', 'decision') }}
    {{ latest('decision_id', typed('loaded_at', 'timestamp')) }}
),

final as (
    select
        -- ids
        decision_id,
        {{ normalise_identifier('user_id', 'user_id') }} as user_id,

        -- strings
        {{ normalise_identifier('email', 'email') }} as email,
        {{ normalise_identifier('phone', 'phone', 'upper(country_code)') }} as phone,
        {{ clean_text('purpose') }} as purpose,
        -- whatever is not plainly a yes is a no
        case
            when lower({{ clean_text('status') }}) = 'granted' then 'granted'
            else 'denied'
        end as status,
        coalesce(
            {{ clean_text('jurisdiction') }}, upper({{ clean_text('country_code') }})
        ) as jurisdiction,

        -- timestamps
        {{ typed('decided_at', 'timestamp') }} as decided_at
    from decisions
)

select * from final
