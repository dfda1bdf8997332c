{# The carts that people emptied themselves, among the events in a relation or CTE with the columns of profile_events, as SQL:
   profile_id, cart_id, emptied_at. As much was taken out as was put in, and nothing came after. #}
{% macro emptied_carts(events) -%}
    {%- set keys = ['cart_id', 'quantity'] -%}
    with documents as (
        select
            profile_id,
            event_name,
            occurred_at,
            {{ json_texts('properties', keys) }} as texts
        from {{ events }}
        where event_name in ('product_added', 'product_removed', 'checkout_started')
    ),

    cart_events as (
        select
            profile_id,
            event_name,
            occurred_at,
            {{ json_texts_key('texts', keys, 'cart_id') }} as cart_id,
            coalesce(
                {{ safe_cast_text(json_texts_key('texts', keys, 'quantity'), 'decimal(18, 4)') }}, 1
            ) as quantity
        from documents
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
    )

    select
        profile_id,
        cart_id,
        last_removed_at as emptied_at
    from carts
    where
        count_items <= 0
        and (last_filled_at is null or last_removed_at >= last_filled_at)
{%- endmacro %}
