-- Grain: one household that one campaign was mailed to.
with

campaigns as (
    select * from {{ source('raw_complete_journey', 'campaigns') }}
),

campaign_descriptions as (
    select * from {{ source('raw_complete_journey', 'campaign_descriptions') }}
),

final as (
    select
        campaigns.campaign_id,
        campaigns.household_id,
        campaign_descriptions.campaign_type,
        {{ typed('campaign_descriptions.start_date', dbt.type_timestamp()) }} as mailed_at
    from campaigns
    inner join campaign_descriptions
        on campaigns.campaign_id = campaign_descriptions.campaign_id
)

select * from final
