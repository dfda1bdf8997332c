-- Grain: one member of the loyalty programme.
with

members as (
    select * from {{ source('raw_pos', 'loyalty_member') }}
    {{ latest('member_id', typed('loaded_at', 'timestamp')) }}
),

final as (
    select
        -- ids
        {{ normalise_identifier('loyalty_id', 'member_id') }} as loyalty_id,

        -- strings
        {{ normalise_identifier('email', 'email') }} as email,
        {{ normalise_identifier('phone', 'phone', 'upper(country_code)') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        upper({{ clean_text('country_code') }}) as country,
        {{ clean_text('tier') }} as loyalty_tier,

        -- dates
        {{ typed('birth_date', 'date') }} as birth_date,

        -- timestamps
        coalesce(
            {{ typed('updated_at', 'timestamp') }},
            {{ typed('enrolled_at', 'timestamp') }}
        ) as updated_at
    from members
)

select * from final
