-- Grain: one row per person and jurisdiction that any statement or country of theirs names. All of
-- them count, not only the country that the profile shows: the strictest will apply.
with

identity_map as (

    select * from {{ ref('identity_map') }}

),

consents as (

    select * from {{ ref('consents') }}

),

traits as (

    select * from {{ ref('traits') }}
    where trait = 'country'

),

jurisdictions as (

    select
        lower(jurisdiction) as jurisdiction,
        regime
    from {{ ref('jurisdictions') }}

),

named as (

    select
        identifier_type,
        identifier_value,
        lower({{ clean_text('jurisdiction') }}) as jurisdiction
    from consents

    union

    select
        identifier_type,
        identifier_value,
        lower({{ clean_text('value') }}) as jurisdiction
    from traits

),

final as (

    select distinct
        identity_map.profile_id,
        named.jurisdiction,
        coalesce(jurisdictions.regime, 'unlisted') as regime
    from named
    inner join identity_map
        on
            named.identifier_type = identity_map.identifier_type
            and named.identifier_value = identity_map.identifier_value
    left join jurisdictions
        on named.jurisdiction = jurisdictions.jurisdiction
    where named.jurisdiction is not null

)

select * from final
