-- Grain: one basket of one household: as much of it as the sample of its lines holds.
with

lines as (
    select
        basket_id,
        household_id,
        {{ typed('quantity', 'decimal(12, 2)') }} as quantity,
        {{ typed('sales_value', 'decimal(12, 2)') }} as sales_value,
        {{ typed('retail_disc', 'decimal(12, 2)') }}
        + {{ typed('coupon_disc', 'decimal(12, 2)') }}
        + {{ typed('coupon_match_disc', 'decimal(12, 2)') }} as discount,
        {{ typed('transaction_timestamp', dbt.type_timestamp()) }} as bought_at
    from {{ source('raw_complete_journey', 'transactions_sample') }}
),

final as (
    select
        -- ids
        basket_id,
        household_id,

        -- numerics
        sum(sales_value) as total,
        sum(discount) as discount,
        count(*) as item_count,

        -- timestamps
        min(bought_at) as bought_at
    from lines
    group by basket_id, household_id
)

select * from final
