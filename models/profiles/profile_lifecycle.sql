-- Grain: one row per person, also those who never bought. The thresholds are the variable
-- lifecycle; one is open at its far end, so an order of exactly that many days ago is beyond it.
-- From expires_at on the stage is another one, even if nothing happens.
with

profile_traits as (

    select * from {{ ref('profile_traits') }}

),

orders as (

    select
        profile_id,
        occurred_at,
        row_number() over (
            partition by profile_id
            order by occurred_at desc, event_id desc
        ) as recency
    from {{ ref('profile_events') }}
    where event_name = 'order_completed'

),

dated as (

    select
        profile_traits.profile_id,
        profile_traits.first_order_at,
        orders.occurred_at as previous_order_at,
        profile_traits.last_order_at,
        {{ dbt.dateadd('day', lifecycle_days('new_days'), 'profile_traits.first_order_at') }}
            as new_until,
        {{ dbt.dateadd('day', lifecycle_days('lapsing_days'), 'profile_traits.last_order_at') }}
            as lapses_at,
        {{ dbt.dateadd('day', lifecycle_days('lost_days'), 'profile_traits.last_order_at') }}
            as lost_at,
        -- when the person would have been lost, had the last order not come
        {{ dbt.dateadd('day', lifecycle_days('lost_days'), 'orders.occurred_at') }}
            as would_be_lost_at
    from profile_traits
    left join orders
        on
            profile_traits.profile_id = orders.profile_id
            and orders.recency = 2

),

staged as (

    select
        *,
        case
            when last_order_at is null then 'none'
            when lost_at <= {{ as_of() }} then 'lost'
            when lapses_at <= {{ as_of() }} then 'lapsing'
            when would_be_lost_at <= last_order_at then 'returned'
            when new_until > {{ as_of() }} then 'new'
            else 'active'
        end as stage
    from dated

),

final as (

    select
        profile_id,
        stage,
        first_order_at,
        previous_order_at,
        last_order_at,
        case
            when stage = 'lapsing' then lost_at
            when stage = 'new' then least(new_until, lapses_at)
            when stage in ('active', 'returned') then lapses_at
        end as expires_at,
        {{ as_of() }} as computed_at
    from staged

)

select * from final
