-- Grain: one statement about one purpose by one identifier. A decision speaks for every identifier
-- that it names: a later yes given when logged in has to undo the no that was clicked in an e-mail.
with

decisions as (
    select * from {{ ref('stg_consent__decisions') }}
),

statements as (
    select
        'user_id' as identifier_type,
        user_id as identifier_value,
        purpose,
        status,
        jurisdiction,
        decided_at
    from decisions

    union all

    select
        'email' as identifier_type,
        email as identifier_value,
        purpose,
        status,
        jurisdiction,
        decided_at
    from decisions

    union all

    select
        'phone' as identifier_type,
        phone as identifier_value,
        purpose,
        status,
        jurisdiction,
        decided_at
    from decisions

    union all

    -- a decision that names nobody is held back, and not lost
    select
        'email' as identifier_type,
        '' as identifier_value,
        purpose,
        status,
        jurisdiction,
        decided_at
    from decisions
    where user_id is null and email is null and phone is null
),

final as (
    select
        'consent' as source,
        identifier_type,
        identifier_value,
        purpose,
        status,
        jurisdiction,
        decided_at as occurred_at
    from statements
    where identifier_value is not null
    -- of what was said at the same moment, the refusal counts
    qualify row_number() over (
        partition by identifier_type, identifier_value, purpose, decided_at
        order by status, jurisdiction
    ) = 1
)

select * from final
