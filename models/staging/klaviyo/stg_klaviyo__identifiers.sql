-- Grain: one identifier of one profile in Klaviyo. A deleted one ties nothing together any more.
with

persons as (
    select * from {{ ref('stg_klaviyo__persons') }}
    where not is_deleted
),

final as (
    {{ record_identifiers(
        'persons', 'klaviyo', "'person:' || klaviyo_id",
        {'klaviyo_id': 'klaviyo_id', 'email': 'email', 'phone': 'phone'}, 'updated_at'
    ) }}
)

select * from final
