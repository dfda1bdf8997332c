-- Grain: one identifier of one decision.
with

decisions as (
    select * from {{ ref('stg_consent__decisions') }}
),

final as (
    {{ record_identifiers(
        'decisions', 'consent', "'decision:' || decision_id",
        {'user_id': 'user_id', 'email': 'email', 'phone': 'phone'}, 'decided_at'
    ) }}
)

select * from final
