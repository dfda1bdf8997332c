-- Grain: one row per person of whom a jurisdiction is known, and purpose: the rule that applies.
-- Of several jurisdictions the strictest: opt-in before opt-out, the shorter time before the
-- longer. Nobody who is missing here has any default but opt-in.
with

profile_jurisdictions as (

    select * from {{ ref('profile_jurisdictions') }}

),

purposes as (

    select * from {{ ref('purposes') }}

),

legal_bases as (

    select * from {{ ref('legal_bases') }}

),

consent_rules as (

    select * from {{ ref('consent_rules') }}

),

regimes as (

    select distinct regime from profile_jurisdictions

),

-- a default that its legal basis does not bear is none
rules as (

    select
        regimes.regime,
        purposes.purpose,
        consent_rules.valid_days,
        coalesce(consent_rules.legal_basis, purposes.legal_basis) as legal_basis,
        coalesce(
            consent_rules.default_status = 'granted' and legal_bases.may_be_default, false
        ) as is_opt_out
    from regimes
    cross join purposes
    left join consent_rules
        on
            regimes.regime = consent_rules.regime
            and purposes.purpose = consent_rules.purpose
    left join legal_bases
        on consent_rules.legal_basis = legal_bases.legal_basis

),

ranked as (

    select
        *,
        row_number() over (
            order by case when is_opt_out then 1 else 0 end, valid_days nulls last, regime, purpose
        ) as strictness
    from rules

),

strictest as (

    select
        profile_jurisdictions.profile_id,
        ranked.purpose,
        min(ranked.strictness) as strictness,
        min(ranked.valid_days) as valid_days
    from profile_jurisdictions
    inner join ranked
        on profile_jurisdictions.regime = ranked.regime
    group by profile_jurisdictions.profile_id, ranked.purpose

),

final as (

    select
        strictest.profile_id,
        strictest.purpose,
        ranked.regime,
        ranked.legal_basis,
        ranked.is_opt_out,
        strictest.valid_days
    from strictest
    inner join ranked
        on strictest.strictness = ranked.strictness

)

select * from final
