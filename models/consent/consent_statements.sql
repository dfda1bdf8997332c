-- Grain: one row per statement of a known person about a purpose, with what became of it: which
-- one decides, and why the others do not.
with

stated_consents as (

    select * from {{ ref('stated_consents') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

profile_consent_rules as (

    select * from {{ ref('profile_consent_rules') }}

),

-- a denial counts as soon as it is known, even when its clock runs ahead; a grant in its time
timed as (

    select
        identity_map.profile_id,
        stated.*,
        stated.status = 'denied' or coalesce(stated.occurred_at <= {{ as_of() }}, false)
            as has_begun,
        case
            when stated.status = 'granted'
                then {{ dbt.dateadd('day', 'rules.valid_days', 'stated.occurred_at') }}
        end as expires_at
    from stated_consents as stated
    inner join identity_map
        on
            stated.identifier_type = identity_map.identifier_type
            and stated.identifier_value = identity_map.identifier_value
    left join profile_consent_rules as rules
        on
            identity_map.profile_id = rules.profile_id
            and stated.purpose = rules.purpose

),

-- for one identifier the latest statement wins
latest as (

    select
        *,
        row_number() over (
            partition by identifier_type, identifier_value, purpose, has_begun
            order by
                occurred_at desc nulls first, status asc, source asc, event_name asc nulls first
        ) as recency
    from timed

),

counted as (

    select
        *,
        has_begun and recency = 1 and coalesce(expires_at > {{ as_of() }}, true) as counts
    from latest

),

-- the identifiers of one person may disagree, all the more after a merge: then denied wins
ranked as (

    select
        *,
        row_number() over (
            partition by profile_id, purpose, counts
            order by
                status asc, occurred_at desc nulls last, identifier_type asc, identifier_value asc
        ) as place,
        min(case when counts then status end) over (partition by profile_id, purpose) as decision
    from counted

),

final as (

    select
        profile_id,
        purpose,
        status,
        case
            when counts and place = 1 then 'decides'
            when counts and status = decision then 'agrees'
            when counts then 'outweighed'
            when not has_begun then 'ahead'
            when recency > 1 then 'superseded'
            else 'expired'
        end as standing,
        identifier_type,
        identifier_value,
        source,
        event_name,
        occurred_at,
        expires_at
    from ranked

)

select * from final
