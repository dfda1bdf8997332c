-- Grain: one trait of one member.
with

members as (
    select * from {{ ref('stg_pos__members') }}
),

final as (
    {{ record_traits(
        'members', 'pos', "'loyalty_id'", 'loyalty_id',
        {
            'first_name': 'first_name', 'last_name': 'last_name', 'birth_date': 'birth_date',
            'country': 'country', 'loyalty_tier': 'loyalty_tier',
        },
        'updated_at'
    ) }}
)

select * from final
