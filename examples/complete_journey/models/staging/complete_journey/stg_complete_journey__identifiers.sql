-- Grain: one household. Its number is the one on its loyalty card, and the only identifier that
-- there is.
with

households as (
    select * from {{ ref('stg_complete_journey__households') }}
),

final as (
    {{ record_identifiers(
        'households', 'complete_journey', "'household:' || household_id",
        {'loyalty_id': 'household_id'}, 'seen_at'
    ) }}
)

select * from final
