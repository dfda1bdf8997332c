-- Grain: one row per person, attribute, value and source: every candidate that survivorship chooses
-- from, ranked by the attribute's rule. An address that bounced is a candidate, but comes last.
-- Only people of whom something changed are written: those whose fingerprint differs.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_candidates',
        on_schema_change='sync_all_columns',
    )
}}

with

identity_map as (

    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        identity_map.profile_id
    from {{ ref('identity_map') }} as identity_map
    left join {{ ref('suppressions') }} as erased
        on
            erased.identifier_type = 'profile_id'
            and identity_map.profile_id = erased.identifier_value
    where erased.identifier_value is null

),

present as (

    {{ people_fingerprints('identity_map') }}

),

stored as (

    {{ stored_fingerprints() }}

),

changed as (

    select
        coalesce(present.profile_id, stored.profile_id) as profile_id,
        present.fingerprint
    from present
    full outer join stored
        on present.profile_id = stored.profile_id
    where present.fingerprint is distinct from stored.fingerprint

),

attributed as (

    select
        changed.profile_id,
        changed.fingerprint,
        statements.attribute,
        statements.value,
        statements.source,
        max(statements.observed_at) as observed_at,
        count(*) as count_statements
    from changed
    inner join identity_map
        on changed.profile_id = identity_map.profile_id
    inner join {{ ref('profile_statements') }} as statements
        on
            identity_map.identifier_type = statements.identifier_type
            and identity_map.identifier_value = statements.identifier_value
    where statements.observed_at is null or statements.observed_at <= {{ as_of() }}
    group by 1, 2, 3, 4, 5

),

candidates as (

    select
        attributed.*,
        suppressions.identifier_value is not null as is_suppressed
    from attributed
    left join {{ ref('suppressions') }} as suppressions
        on
            attributed.attribute = suppressions.identifier_type
            and attributed.value = suppressions.identifier_value

),

final as (

    {{ ranked_candidates('candidates', ['profile_id', 'fingerprint']) }}

    {{ people_without_candidates('changed') }}

)

select * from final
