-- Grain: one row per person in profiles: when the attributes and the consents were last found to be
-- others than before. A value that comes and goes between two runs is no change. Kept on a full
-- refresh; an earlier moment than the last change recorded is not written.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='profile_id',
        full_refresh=false,
        on_schema_change='append_new_columns',
        post_hook="delete from {{ this }} where profile_id not in (select profile_id from {{ ref('profiles') }})",
    )
}}

with

profiles as (

    select * from {{ ref('profiles') }}

),

profile_consents as (

    select * from {{ ref('profile_consents') }}

),

known as (

    {% if is_incremental() %}
        select * from {{ this }}
    {% else %}
        select
            profile_id,
            '' as attributes_hash,
            {{ as_of() }} as attributes_changed_at,
            '' as consents_hash,
            {{ as_of() }} as consents_changed_at
        from profiles
        where false
    {% endif %}

),

recorded as (

    select max(greatest(attributes_changed_at, consents_changed_at)) as recorded_at from known

),

consents as (

    select
        profile_id,
        {{ dbt.listagg("purpose || ' ' || status", "','", 'order by purpose') }} as statements
    from profile_consents
    group by profile_id

),

found as (

    select
        profiles.profile_id,
        {{ hash_text(profile_attribute_columns()) }} as attributes_hash,
        {{ hash_text('consents.statements') }} as consents_hash
    from profiles
    left join consents
        on profiles.profile_id = consents.profile_id

),

final as (

    select
        found.profile_id,
        found.attributes_hash,
        case
            when found.attributes_hash = known.attributes_hash then known.attributes_changed_at
            else {{ as_of() }}
        end as attributes_changed_at,
        found.consents_hash,
        case
            when found.consents_hash = known.consents_hash then known.consents_changed_at
            else {{ as_of() }}
        end as consents_changed_at
    from found
    cross join recorded
    left join known
        on found.profile_id = known.profile_id
    where
        {{ as_of() }} >= coalesce(recorded.recorded_at, {{ as_of() }})
        and (
            known.profile_id is null
            or found.attributes_hash <> known.attributes_hash
            or found.consents_hash <> known.consents_hash
        )

)

select * from final
