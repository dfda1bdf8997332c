-- Grain: one identifier of one user of the support desk.
with

users as (
    select * from {{ ref('stg_zendesk__users') }}
),

final as (
    {{ record_identifiers(
        'users', 'zendesk', "'user:' || zendesk_id",
        {'zendesk_id': 'zendesk_id', 'user_id': 'user_id', 'email': 'email', 'phone': 'phone'},
        'updated_at'
    ) }}
)

select * from final
