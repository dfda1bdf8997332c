-- Grain: one trait of one user of the support desk. Its one field for the name cannot be split
-- safely, so it is not.
with

users as (
    select * from {{ ref('stg_zendesk__users') }}
),

final as (
    {{ record_traits(
        'users', 'zendesk', "'zendesk_id'", 'zendesk_id', {'language': 'language'}, 'updated_at'
    ) }}
)

select * from final
