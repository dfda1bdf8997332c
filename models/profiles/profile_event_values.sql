-- Grain: one row per event, with the values that traits are computed from as columns. Amounts are
-- in the reporting currency (seed exchange_rates); a currency without a rate gives null, not a
-- wrong sum.
with

profile_events as (

    select * from {{ ref('profile_events') }}

),

exchange_rates as (

    select * from {{ ref('exchange_rates') }}

),

profile_emptied_carts as (

    select * from {{ ref('profile_emptied_carts') }}

),

properties_read as (

    select
        event_id,
        profile_id,
        event_name,
        occurred_at,
        received_at,
        upper({{ json_text('properties', 'currency') }}) as currency,
        case event_name
            when 'order_completed' then {{ json_number('properties', 'total') }}
            when 'order_refunded' then {{ json_number('properties', 'amount') }}
        end as amount,
        {{ json_number('properties', 'discount') }} as discount,
        {{ json_text('properties', 'coupon') }} as coupon,
        {{ json_text('properties', 'channel') }} as channel,
        {{ json_text('properties', 'cart_id') }} as cart_id,
        {{ json_number('properties', 'value') }} as cart_value,
        {{ json_text('properties', 'score') }} as score
    from profile_events

),

final as (

    select
        properties_read.event_id,
        properties_read.profile_id,
        properties_read.event_name,
        properties_read.occurred_at,
        properties_read.received_at,
        properties_read.currency,
        cast(properties_read.amount * exchange_rates.rate as decimal(18, 4)) as amount,
        cast(properties_read.discount * exchange_rates.rate as decimal(18, 4)) as discount,
        properties_read.coupon,
        properties_read.channel,
        cast(properties_read.cart_value * exchange_rates.rate as decimal(18, 4)) as cart_value,
        profile_emptied_carts.cart_id is not null as is_cart_emptied,
        properties_read.score
    from properties_read
    left join exchange_rates
        on properties_read.currency = exchange_rates.currency
    left join profile_emptied_carts
        on
            properties_read.profile_id = profile_emptied_carts.profile_id
            and properties_read.cart_id = profile_emptied_carts.cart_id

)

select * from final
