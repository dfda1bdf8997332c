-- Grain: one receipt. Nobody knows who is behind one on which no loyalty card was shown: it is left
-- out of what is used.
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
        {{ typed('loaded_at', 'timestamp') }} as loaded_at,

        -- quality
        case
            when {{ clean_text('member_id') }} is null then 'left out: no loyalty card was shown'
            else {{ broken_rule('raw_pos', 'purchase') }}
        end as held_because
    from purchases
)

select * from final
