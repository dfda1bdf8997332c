-- Grain: one identifier of one member.
with

members as (
    select * from {{ ref('stg_pos__members') }}
),

final as (
    {{ record_identifiers(
        'members', 'pos', "'loyalty_member:' || loyalty_id",
        {'loyalty_id': 'loyalty_id', 'email': 'email', 'phone': 'phone'}, 'updated_at'
    ) }}
)

select * from final
