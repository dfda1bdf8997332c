-- Grain: one row per identifier that no sync may send. An erasure request takes every identifier
-- of the person with it, and the profile itself (identifier_type 'profile_id'); a hard bounce or a
-- spam complaint only the exact e-mail address.
with

erased_identifiers as (

    select * from {{ ref('erased_identifiers') }}

),

email_complaints as (

    select * from {{ ref('email_complaints') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

reasons as (

    select
        identifier_type,
        identifier_value,
        'erasure_request' as reason,
        requested_at as suppressed_at
    from erased_identifiers

    union all

    select
        'email' as identifier_type,
        email as identifier_value,
        reason,
        suppressed_at
    from email_complaints

),

gravest as (

    select * from reasons
    qualify row_number() over (
        partition by identifier_type, identifier_value
        order by
            case reason
                when 'erasure_request' then 1
                when 'spam_complaint' then 2
                else 3
            end,
            suppressed_at
    ) = 1

),

final as (

    select
        gravest.identifier_type,
        gravest.identifier_value,
        case
            when gravest.identifier_type = 'profile_id' then gravest.identifier_value
            else identity_map.profile_id
        end as profile_id,
        gravest.reason,
        gravest.suppressed_at
    from gravest
    left join identity_map
        on
            gravest.identifier_type = identity_map.identifier_type
            and gravest.identifier_value = identity_map.identifier_value

)

select * from final
