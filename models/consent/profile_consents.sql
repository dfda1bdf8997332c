-- Grain: one row per person and purpose that is decided: by a statement of the person, or by the
-- default of an opt-out jurisdiction. No row means that nothing was granted.
with

consent_statements as (

    select * from {{ ref('consent_statements') }}
    where standing = 'decides'

),

profile_consent_rules as (

    select * from {{ ref('profile_consent_rules') }}

),

erased_identifiers as (

    select * from {{ ref('erased_identifiers') }}
    where identifier_type = 'profile_id'

),

final as (

    select
        consent_statements.profile_id,
        consent_statements.purpose,
        consent_statements.status,
        consent_statements.occurred_at as decided_at,
        case when consent_statements.status = 'granted' then 'consent' end as legal_basis,
        false as is_default,
        consent_statements.source,
        profile_consent_rules.regime as jurisdiction,
        consent_statements.expires_at
    from consent_statements
    left join profile_consent_rules
        on
            consent_statements.profile_id = profile_consent_rules.profile_id
            and consent_statements.purpose = profile_consent_rules.purpose

    union all

    select
        profile_consent_rules.profile_id,
        profile_consent_rules.purpose,
        'granted' as status,
        cast(null as {{ dbt.type_timestamp() }}) as decided_at,
        profile_consent_rules.legal_basis,
        true as is_default,
        cast(null as varchar) as source,
        profile_consent_rules.regime as jurisdiction,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at
    from profile_consent_rules
    left join consent_statements
        on
            profile_consent_rules.profile_id = consent_statements.profile_id
            and profile_consent_rules.purpose = consent_statements.purpose
    left join erased_identifiers
        on profile_consent_rules.profile_id = erased_identifiers.identifier_value
    where
        profile_consent_rules.is_opt_out
        and consent_statements.profile_id is null
        and erased_identifiers.identifier_value is null

)

select * from final
