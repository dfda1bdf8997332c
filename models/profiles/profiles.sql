-- Grain: one row per person who has not asked to be erased. Where sources disagree on an
-- attribute, the rule that the variable `survivorship` names decides.
with

identity_map as (

    select * from {{ ref('identity_map') }}

),

profile_attributes as (

    select * from {{ ref('profile_attributes') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

email_consents as (

    select * from {{ ref('profile_consents') }}
    where purpose = 'email_marketing' and status = 'granted'

),

people as (

    select
        identity_map.profile_id,
        min(identity_map.first_seen_at) as first_seen_at,
        max(identity_map.last_seen_at) as last_seen_at,
        count(*) as count_identifiers
    from identity_map
    left join suppressions
        on
            suppressions.identifier_type = 'profile_id'
            and identity_map.profile_id = suppressions.identifier_value
    where suppressions.identifier_value is null
    group by identity_map.profile_id

),

frequencies as (

    select
        profile_id,
        attribute,
        value,
        source,
        observed_at,
        is_suppressed,
        sum(count_statements) over (
            partition by profile_id, attribute, value
        ) as count_statements
    from profile_attributes

),

ranked as (

    select
        profile_id,
        attribute,
        value,
        is_suppressed,
        row_number() over (
            partition by profile_id, attribute
            order by case when is_suppressed then 1 else 0 end, {{ survivorship_order() }}
        ) as rank_of_value
    from frequencies

),

survivors as (

    select
        profile_id,
        {% for attribute in var('survivorship').rules %}
            max(case when attribute = '{{ attribute }}' then value end) as {{ attribute }},
        {% endfor %}
        max(case when attribute = 'email' and not is_suppressed then 1 else 0 end) as reachable
    from ranked
    where rank_of_value = 1
    group by profile_id

),

final as (

    select
        people.profile_id,
        survivors.email,
        coalesce(survivors.reachable, 0) = 1 as is_email_reachable,
        email_consents.decided_at as email_consented_at,
        survivors.phone,
        survivors.first_name,
        survivors.last_name,
        {{ safe_cast_text('survivors.birth_date', 'date') }} as birth_date,
        survivors.city,
        survivors.postal_code,
        survivors.country,
        survivors.language,
        survivors.loyalty_tier,
        survivors.loyalty_id,
        survivors.user_id,
        survivors.job_title,
        survivors.company_name,
        people.first_seen_at,
        people.last_seen_at,
        people.count_identifiers
    from people
    left join survivors
        on people.profile_id = survivors.profile_id
    left join email_consents
        on people.profile_id = email_consents.profile_id

)

select * from final
