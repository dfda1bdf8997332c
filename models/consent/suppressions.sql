-- Grain: one row per identifier that no sync may send. An erasure request takes every identifier
-- of the person with it, and the profile itself (identifier_type 'profile_id'); a hard bounce or a
-- spam complaint only the exact e-mail address.
with

erasures as (

    select * from {{ ref('erasures') }}

),

complaints as (

    select * from {{ ref('email_complaints') }}

),

identifiers as (

    select * from {{ ref('identifiers') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

requested as (

    select
        erasures.identifier_type,
        erasures.identifier_value,
        identity_map.profile_id,
        erasures.requested_at
    from erasures
    left join identity_map
        on
            erasures.identifier_type = identity_map.identifier_type
            and erasures.identifier_value = identity_map.identifier_value

),

erased_profiles as (

    select
        profile_id,
        min(requested_at) as requested_at
    from requested
    where profile_id is not null
    group by profile_id

),

-- a tool that reports a bounce under its own id has the address in the record of that id
complaint_emails as (

    select
        identifier_value as email,
        reason,
        suppressed_at
    from complaints
    where identifier_type = 'email'

    union all

    select
        addresses.identifier_value as email,
        complaints.reason,
        complaints.suppressed_at
    from complaints
    inner join identifiers as own_ids
        on
            complaints.source = own_ids.source
            and complaints.identifier_type = own_ids.identifier_type
            and complaints.identifier_value = own_ids.identifier_value
    inner join identifiers as addresses
        on
            own_ids.source = addresses.source
            and own_ids.record_id = addresses.record_id
            and addresses.identifier_type = 'email'
    where complaints.identifier_type <> 'email'

),

reasons as (

    select
        identifier_type,
        identifier_value,
        profile_id,
        'erasure_request' as reason,
        requested_at as suppressed_at
    from requested

    union all

    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        identity_map.profile_id,
        'erasure_request' as reason,
        erased_profiles.requested_at as suppressed_at
    from erased_profiles
    inner join identity_map
        on erased_profiles.profile_id = identity_map.profile_id

    union all

    select
        'profile_id' as identifier_type,
        profile_id as identifier_value,
        profile_id,
        'erasure_request' as reason,
        requested_at as suppressed_at
    from erased_profiles

    union all

    select
        'email' as identifier_type,
        complaint_emails.email as identifier_value,
        identity_map.profile_id,
        complaint_emails.reason,
        complaint_emails.suppressed_at
    from complaint_emails
    left join identity_map
        on
            identity_map.identifier_type = 'email'
            and complaint_emails.email = identity_map.identifier_value

),

ranked as (

    select
        *,
        row_number() over (
            partition by identifier_type, identifier_value
            order by
                case reason
                    when 'erasure_request' then 1
                    when 'spam_complaint' then 2
                    else 3
                end,
                suppressed_at
        ) as rank_of_reason
    from reasons

),

final as (

    select
        identifier_type,
        identifier_value,
        profile_id,
        reason,
        suppressed_at
    from ranked
    where rank_of_reason = 1

)

select * from final
