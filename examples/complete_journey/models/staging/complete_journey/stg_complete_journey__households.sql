-- Grain: one household that any of the files knows.
with

sightings as (
    select
        household_id,
        bought_at as seen_at
    from {{ ref('stg_complete_journey__baskets') }}

    union all

    select
        household_id,
        mailed_at as seen_at
    from {{ ref('stg_complete_journey__mailings') }}

    union all

    select
        household_id,
        {{ typed('redemption_date', dbt.type_timestamp()) }} as seen_at
    from {{ source('raw_complete_journey', 'coupon_redemptions') }}

    union all

    select
        household_id,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from {{ source('raw_complete_journey', 'demographics') }}
),

demographics as (
    select * from {{ source('raw_complete_journey', 'demographics') }}
),

households as (
    select
        household_id,
        min(seen_at) as seen_at
    from sightings
    group by household_id
),

final as (
    select
        -- ids
        households.household_id,

        -- strings
        'US' as country,
        {{ clean_text('demographics.age') }} as age_band,
        {{ clean_text('demographics.income') }} as income_band,
        {{ clean_text('demographics.household_size') }} as household_size,

        -- timestamps
        households.seen_at
    from households
    left join demographics
        on households.household_id = demographics.household_id
)

select * from final
