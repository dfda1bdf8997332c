-- Grain: one row per identifier of a person who asked to be erased, with the person's profile
-- (identifier_type 'profile_id'). Kept for good: once a source deletes the person's records,
-- nothing ties the identifiers together any more, and the request itself may be deleted too.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['identifier_type', 'identifier_value'],
        full_refresh=false,
        on_schema_change='append_new_columns',
    )
}}

with

erasures as (

    select * from {{ ref('erasures') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

kept as (

    {% if is_incremental() %}
        select * from {{ this }}
    {% else %}
        select
            identifier_type,
            identifier_value,
            true as is_requested,
            requested_at
        from erasures
        where false
    {% endif %}

),

requests as (

    select
        identifier_type,
        identifier_value,
        requested_at
    from erasures

    union all

    select
        identifier_type,
        identifier_value,
        requested_at
    from kept
    where is_requested and identifier_type <> 'profile_id'

),

persons as (

    select
        identity_map.profile_id,
        min(requests.requested_at) as requested_at
    from requests
    inner join identity_map
        on
            requests.identifier_type = identity_map.identifier_type
            and requests.identifier_value = identity_map.identifier_value
    group by identity_map.profile_id

),

identifiers as (

    select
        identifier_type,
        identifier_value,
        1 as is_requested,
        requested_at
    from requests

    union all

    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        0 as is_requested,
        persons.requested_at
    from persons
    inner join identity_map
        on persons.profile_id = identity_map.profile_id

    union all

    select
        'profile_id' as identifier_type,
        profile_id as identifier_value,
        0 as is_requested,
        requested_at
    from persons

),

erased as (

    select
        identifier_type,
        identifier_value,
        max(is_requested) = 1 as is_requested,
        min(requested_at) as requested_at
    from identifiers
    group by identifier_type, identifier_value

),

final as (

    select erased.*
    from erased
    left join kept
        on
            erased.identifier_type = kept.identifier_type
            and erased.identifier_value = kept.identifier_value
    where
        kept.identifier_value is null
        or (erased.is_requested and not kept.is_requested)

)

select * from final
