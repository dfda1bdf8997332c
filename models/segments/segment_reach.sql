-- Grain: one row per followed segment and channel of the seed contact_channels: how many members
-- could be reached there at the run's moment. Reachable is who agreed to the channel's purpose and
-- has an identifier for it that is not suppressed.
with segment_definitions as (
    select * from {{ ref('segment_definitions') }}
),

contact_channels as (
    select * from {{ ref('contact_channels') }}
),

segment_memberships as (
    select * from {{ ref('segment_memberships') }}
),

identity_map as (
    select * from {{ ref('identity_map') }}
),

profile_consents as (
    select * from {{ ref('profile_consents') }}
),

suppressions as (
    select * from {{ ref('suppressions') }}
),

addresses as (
    select
        contact_channels.channel,
        identity_map.profile_id,
        count(*) - count(suppressions.identifier_value) as count_usable
    from contact_channels
    inner join identity_map
        on contact_channels.identifier_type = identity_map.identifier_type
    left join suppressions
        on
            identity_map.identifier_type = suppressions.identifier_type
            and identity_map.identifier_value = suppressions.identifier_value
    group by 1, 2
),

consents as (
    select distinct
        contact_channels.channel,
        profile_consents.profile_id
    from contact_channels
    inner join profile_consents
        on contact_channels.purpose = profile_consents.purpose
    where profile_consents.status = 'granted'
),

rows_of_report as (
    select distinct
        segment_definitions.segment,
        contact_channels.channel
    from segment_definitions
    cross join contact_channels
),

final as (
    select
        rows_of_report.segment,
        rows_of_report.channel,
        count(segment_memberships.profile_id) as members,
        count(addresses.profile_id) as members_with_identifier,
        count(consents.profile_id) as members_with_consent,
        count(case when addresses.count_usable > 0 then consents.profile_id end) as reachable
    from rows_of_report
    left join segment_memberships
        on rows_of_report.segment = segment_memberships.segment
    left join addresses
        on
            rows_of_report.channel = addresses.channel
            and segment_memberships.profile_id = addresses.profile_id
    left join consents
        on
            rows_of_report.channel = consents.channel
            and segment_memberships.profile_id = consents.profile_id
    group by 1, 2
)

select * from final
