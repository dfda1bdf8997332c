-- Grain: one trait of one profile in Klaviyo.
with

persons as (
    select * from {{ ref('stg_klaviyo__persons') }}
    where not is_deleted
),

final as (
    {{ record_traits(
        'persons', 'klaviyo', "'klaviyo_id'", 'klaviyo_id',
        {
            'first_name': 'first_name', 'last_name': 'last_name', 'city': 'city',
            'postal_code': 'postal_code', 'country': 'country',
        },
        'updated_at'
    ) }}
)

select * from final
