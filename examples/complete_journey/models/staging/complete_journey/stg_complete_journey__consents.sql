-- Grain: one statement by one household. The public files hold no consents: this stands in for your
-- preference centre, and takes it that a household which the grocer mailed had agreed to it. With
-- complete_journey_assume_consent false it is empty.
with

mailings as (
    select * from {{ ref('stg_complete_journey__mailings') }}
),

final as (
    select
        'complete_journey' as source,
        'loyalty_id' as identifier_type,
        household_id as identifier_value,
        'email_marketing' as purpose,
        'granted' as status,
        'US' as jurisdiction,
        min(mailed_at) as occurred_at
    from mailings
    where {{ 'true' if var('complete_journey_assume_consent', false) else 'false' }}
    group by household_id
)

select * from final
