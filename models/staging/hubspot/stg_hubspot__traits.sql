-- Grain: one trait of one contact.
with

contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
),

final as (
    {{ record_traits(
        'contacts', 'hubspot', "'hubspot_id'", 'hubspot_id',
        {
            'first_name': 'first_name', 'last_name': 'last_name', 'country': 'country',
            'job_title': 'job_title', 'company_name': 'company_name',
        },
        'updated_at'
    ) }}
)

select * from final
