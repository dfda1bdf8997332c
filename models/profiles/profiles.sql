-- Grain: one row per person who has not asked to be erased. The columns of profiles.yml that have a
-- rule (survivorship in their meta) are made here by themselves; profile_sources has where each
-- value comes from.
with

identity_map as (

    select * from {{ ref('identity_map') }}

),

profile_sources as (

    select * from {{ ref('profile_sources') }}

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

survivors as (

    select
        profile_id,
        {{ attribute_columns() }}
        max(case when attribute = 'email' and not is_suppressed then 1 else 0 end) as reachable
    from profile_sources
    group by profile_id

),

final as (

    select
        people.profile_id,
        {% for attribute in survivorship_rules() -%}
            survivors.{{ attribute }},
        {% endfor -%}
        coalesce(survivors.reachable, 0) = 1 as is_email_reachable,
        email_consents.decided_at as email_consented_at,
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
