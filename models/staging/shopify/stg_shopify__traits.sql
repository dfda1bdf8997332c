-- Grain: one trait of one customer. A deleted customer's are gone.
with

customers as (
    select
        *,
        case is_email_verified when true then 'true' when false then 'false' end as email_verified
    from {{ ref('stg_shopify__customers') }}
    where not is_deleted
),

final as (
    {{ record_traits(
        'customers', 'shopify', "'user_id'", 'user_id',
        {
            'first_name': 'first_name', 'last_name': 'last_name', 'city': 'city',
            'postal_code': 'postal_code', 'country': 'country',
            'email_verified': 'email_verified',
        },
        'updated_at'
    ) }}
)

select * from final
