-- Grain: one receipt on which a loyalty card was shown. Nobody knows who is behind the others.
with

purchases as (
    select * from {{ source('raw_pos', 'purchase') }}
    {{ latest('receipt_id', typed('loaded_at', 'timestamp')) }}
),

final as (
    select
        -- ids
        receipt_id,
        {{ normalise_identifier('loyalty_id', 'member_id') }} as loyalty_id,

        -- strings
        {{ clean_text('currency') }} as currency,
        {{ clean_text('voucher_code') }} as coupon,

        -- numerics
        {{ typed('total', 'decimal(12, 2)') }} as total,
        coalesce({{ typed('discount', 'decimal(12, 2)') }}, 0) as discount,
        coalesce({{ typed('item_count', 'bigint') }}, 0) as item_count,

        -- timestamps
        {{ typed('purchased_at', 'timestamp') }} as purchased_at,
        {{ typed('loaded_at', 'timestamp') }} as loaded_at
    from purchases
    where {{ normalise_identifier('loyalty_id', 'member_id') }} is not null
)

select * from final
