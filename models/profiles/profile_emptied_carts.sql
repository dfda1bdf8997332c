-- Grain: one row per person and cart that the person emptied: as much was taken out as was put in,
-- and nothing came after. Nobody abandoned such a cart.
with

profile_events as (

    select * from {{ ref('profile_events') }}
    where event_name in ('product_added', 'product_removed', 'checkout_started')

),

cart_events as (

    select
        profile_id,
        event_name,
        occurred_at,
        {{ json_text('properties', 'cart_id') }} as cart_id,
        coalesce({{ json_number('properties', 'quantity') }}, 1) as quantity
    from profile_events

),

carts as (

    select
        profile_id,
        cart_id,
        sum(case event_name
            when 'product_added' then quantity
            when 'product_removed' then -quantity
            else 0
        end) as count_items,
        max(case when event_name = 'product_removed' then occurred_at end) as last_removed_at,
        max(case when event_name <> 'product_removed' then occurred_at end) as last_filled_at
    from cart_events
    where cart_id is not null
    group by profile_id, cart_id

),

final as (

    select
        profile_id,
        cart_id,
        last_removed_at as emptied_at
    from carts
    where
        count_items <= 0
        and (last_filled_at is null or last_removed_at >= last_filled_at)

)

select * from final
