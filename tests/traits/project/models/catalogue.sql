-- Grain: one row per trait.
with

final as (

    {{ trait_catalogue({
        'orders': trait_count(['visit', 'order']),
        'orders_30d': trait_count('order', within_days=30),
        'spent_this_year': trait_sum('order', 'amount', calendar='year'),
        'spent_last_year': trait_sum('order', 'amount', calendar='year', ago=1),
        'seen_before_last_week': trait_exists('visit', calendar='week', ago=2),
        'session_visits': trait_count('visit', session_minutes=30),
        'days_since_order': trait_days_since('order'),
    }) }}

)

select * from final
