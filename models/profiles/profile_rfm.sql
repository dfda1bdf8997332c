-- Grain: one row per person who ever bought. Scores compare the person with all others of them, so
-- they move when others buy; people who tie have the same score, and a fifth can be larger or
-- smaller for it.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

rfm_names as (

    select * from {{ ref('rfm_names') }}

),

buyers as (

    select
        profile_id,
        last_order_at,
        cast(
            {{ dbt.datediff('last_order_at', as_of(), 'day') }}
            as {{ dbt.type_bigint() }}
        ) as days_since_order,
        lifetime_orders,
        lifetime_value
    from profile_traits
    where lifetime_orders > 0

),

scored as (

    select
        *,
        {{ quintile('-days_since_order') }} as recency_score,
        {{ quintile('lifetime_orders') }} as frequency_score,
        {{ quintile('lifetime_value') }} as monetary_score
    from buyers

),

valued as (

    select
        *,
        -- the mean of the two, halves rounded up
        cast(floor((frequency_score + monetary_score + 1) / 2) as {{ dbt.type_bigint() }})
            as value_score
    from scored

),

final as (

    select
        valued.profile_id,
        valued.last_order_at,
        valued.days_since_order,
        valued.lifetime_orders,
        valued.lifetime_value,
        valued.recency_score,
        valued.frequency_score,
        valued.monetary_score,
        valued.value_score,
        cast(
            100 * valued.recency_score + 10 * valued.frequency_score + valued.monetary_score
            as {{ dbt.type_string() }}
        ) as rfm_cell,
        rfm_names.rfm_name,
        {{ as_of() }} as computed_at
    from valued
    left join rfm_names
        on
            valued.recency_score = rfm_names.recency_score
            and valued.value_score = rfm_names.value_score

)

select * from final
