{# What is computed about each person: the columns of profile_trait_values, and the lines of trait_freshness.

   A trait is a line here, and its type and description in profile_traits.yml. docs/traits.md has all macros. #}
{% macro profile_trait_set() %}
    {% set own_actions = [
        'order_completed', 'product_viewed', 'product_added', 'checkout_started', 'page_viewed',
        'email_clicked', 'ticket_created', 'ticket_rated', 'coupon_redeemed',
    ] %}
    {% set carts = ['product_added', 'checkout_started'] %}
    {{ return({
        'lifetime_orders': trait_count('order_completed'),
        'orders_90d': trait_count('order_completed', within_days=90),
        'orders_365d': trait_count('order_completed', within_days=365),
        'lifetime_discounted_orders': trait_count('order_completed', where='discount > 0 or coupon is not null'),
        'first_order_at': trait_first_at('order_completed'),
        'last_order_at': trait_last_at('order_completed'),
        'last_order_channel': trait_last('order_completed', 'channel'),

        'lifetime_gross': trait_sum('order_completed', 'amount'),
        'lifetime_refunds': trait_sum('order_refunded', 'amount'),
        'gross_365d': trait_sum('order_completed', 'amount', within_days=365),
        'refunds_365d': trait_sum('order_refunded', 'amount', within_days=365),

        'last_seen_at': trait_last_at(own_actions),
        'product_views_30d': trait_count('product_viewed', within_days=30),
        'last_cart_at': trait_last_at(carts, where='not is_cart_emptied'),
        'last_cart_value': trait_last(carts, 'cast(cart_value as decimal(18, 2))', where='not is_cart_emptied'),

        'last_email_open_at': trait_last_at('email_opened'),
        'last_email_click_at': trait_last_at('email_clicked'),
        'email_clicks_90d': trait_count('email_clicked', within_days=90),

        'last_ticket_at': trait_last_at('ticket_created'),
        'tickets_30d': trait_count('ticket_created', within_days=30),
        'last_bad_rating_at': trait_last_at('ticket_rated', where="score = 'bad'"),
    }) }}
{% endmacro %}
