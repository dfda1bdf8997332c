-- Grain: one identifier of one record; a record is an identify call, or a login: a device on which
-- someone was logged in.
-- Logins count once, at first sight, or every page view would be a record of its own.
with

identifies as (
    select * from {{ ref('stg_segment__identifies') }}
),

devices as (
    select
        anonymous_id,
        user_id,
        occurred_at
    from {{ ref('stg_segment__tracks') }}
    where held_because is null

    union all

    select
        anonymous_id,
        user_id,
        occurred_at
    from {{ ref('stg_segment__pages') }}
    where held_because is null
),

logins as (
    select
        anonymous_id,
        user_id,
        min(occurred_at) as first_seen_at
    from devices
    where anonymous_id is not null and user_id is not null
    group by anonymous_id, user_id
),

final as (
    {{ record_identifiers(
        'identifies', 'segment', "'identifies:' || identify_id",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id', 'email': 'email', 'phone': 'phone'},
        'occurred_at'
    ) }}

    union all
    {{ record_identifiers(
        'logins', 'segment', "'login:' || " ~ hash_text(['anonymous_id', 'user_id']),
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id'}, 'first_seen_at'
    ) }}
)

select * from final
