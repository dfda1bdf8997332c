-- Grain: one trait of one identifier: of the account where someone was logged in, else of the
-- device.
with

identifies as (
    select
        *,
        case when user_id is not null then 'user_id' else 'anonymous_id' end as identifier_type,
        coalesce(user_id, anonymous_id) as identifier_value
    from {{ ref('stg_segment__identifies') }}
),

final as (
    {{ record_traits(
        'identifies', 'segment', 'identifier_type', 'identifier_value',
        {'first_name': 'first_name', 'last_name': 'last_name', 'language': 'language'},
        'occurred_at'
    ) }}
)

select * from final
