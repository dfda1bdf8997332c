-- Grain: one row per person and purpose that any identifier of the person made a statement on. No
-- row means that nothing was granted. A denial counts as soon as it is known, even when its clock
-- runs ahead of the run's moment; a grant only counts once its time has come.
with

consents as (

    select * from {{ ref('consents') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

statements as (

    select
        identity_map.profile_id,
        consents.purpose,
        consents.status,
        consents.occurred_at,
        row_number() over (
            partition by
                consents.identifier_type,
                consents.identifier_value,
                consents.purpose
            order by
                consents.occurred_at desc,
                case when consents.status = 'denied' then 0 else 1 end
        ) as recency
    from consents
    inner join identity_map
        on
            consents.identifier_type = identity_map.identifier_type
            and consents.identifier_value = identity_map.identifier_value
    where
        consents.status = 'denied'
        or consents.occurred_at <= {{ as_of() }}

),

-- the identifiers of one person may disagree, all the more after a merge: then denied wins
persons as (

    select
        profile_id,
        purpose,
        count(case when status = 'denied' then 1 end) as count_denied,
        max(case when status = 'denied' then occurred_at end) as denied_at,
        max(case when status = 'granted' then occurred_at end) as granted_at
    from statements
    where recency = 1
    group by profile_id, purpose

),

final as (

    select
        profile_id,
        purpose,
        case when count_denied > 0 then 'denied' else 'granted' end as status,
        case when count_denied > 0 then denied_at else granted_at end as decided_at
    from persons

)

select * from final
