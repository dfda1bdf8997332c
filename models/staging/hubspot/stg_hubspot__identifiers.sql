-- Grain: one identifier of one contact.
with

contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
),

final as (
    {{ record_identifiers(
        'contacts', 'hubspot', "'contact:' || hubspot_id",
        {'hubspot_id': 'hubspot_id', 'email': 'email', 'phone': 'phone'}, 'updated_at'
    ) }}
)

select * from final
