-- Grain: one event: a basket, a mailing, or a coupon redeemed. What a basket is worth is what the
-- sample holds of it.
with

baskets as (
    select
        'complete_journey:basket:' || basket_id as event_id,
        'order_completed' as event_name,
        bought_at as occurred_at,
        household_id,
        {{ json_build({
            'order_id': 'basket_id', 'total': 'total', 'discount': 'discount', 'currency': "'USD'",
            'channel': "'store'", 'item_count': 'item_count',
        }) }} as properties
    from {{ ref('stg_complete_journey__baskets') }}
),

mailings as (
    select
        'complete_journey:mailing:' || campaign_id || ':' || household_id as event_id,
        'mailing_received' as event_name,
        mailed_at as occurred_at,
        household_id,
        {{ json_build({
            'campaign_id': 'campaign_id', 'campaign_type': 'campaign_type',
        }) }} as properties
    from {{ ref('stg_complete_journey__mailings') }}
),

redemptions as (
    select
        'complete_journey:redemption:' || household_id || ':' || coupon_upc || ':' || campaign_id
        || ':' || redemption_date as event_id,
        'coupon_redeemed' as event_name,
        {{ typed('redemption_date', dbt.type_timestamp()) }} as occurred_at,
        household_id,
        {{ json_build({'campaign_id': 'campaign_id', 'coupon': 'coupon_upc'}) }} as properties
    from {{ source('raw_complete_journey', 'coupon_redemptions') }}
),

events as (
    select * from baskets
    union all
    select * from mailings
    union all
    select * from redemptions
),

final as (
    select
        event_id,
        'complete_journey' as source,
        event_name,
        occurred_at,
        occurred_at as received_at,
        'loyalty_id' as identifier_type,
        household_id as identifier_value,
        properties
    from events
)

select * from final
