-- Grain: one row per person, also those without any event: their counts are 0 and their times
-- null. Everything is as of computed_at. From expires_at on, a trait is stale even if nothing
-- happens.
with

profile_trait_values as (

    select * from {{ ref('profile_trait_values') }}

),

final as (

    select
        profile_id,
        {% for trait in profile_trait_set() %}
            {{ trait }},
        {% endfor %}
        computed_at,
        expires_at,
        cast(lifetime_gross - lifetime_refunds as decimal(18, 2)) as lifetime_value,
        cast(gross_365d - refunds_365d as decimal(18, 2)) as value_365d,
        case when orders_365d > 0 then {{ round_half_up(
            'percent_rank() over (
                partition by case when orders_365d > 0 then 1 else 0 end
                order by gross_365d - refunds_365d
            )', 4, precision=5
        ) }} end as value_percentile,
        case when lifetime_orders > 1 then {{ round_half_up(
            dbt.datediff('first_order_at', 'last_order_at', 'day')
            ~ ' / (lifetime_orders - 1)', 1, precision=9
        ) }} end as days_between_orders,
        {{ round_half_up(
            'lifetime_gross / nullif(lifetime_orders, 0)', 2
        ) }} as average_order_value,
        {{ round_half_up(
            'lifetime_discounted_orders / nullif(lifetime_orders, 0)', 4, precision=5
        ) }} as discount_share,
        case when lifetime_gross > 0 then {{ round_half_up(
            'least(lifetime_refunds / nullif(lifetime_gross, 0), 1)', 4, precision=5
        ) }} end as refund_share
    from profile_trait_values

)

select * from final
