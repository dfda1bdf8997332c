-- Grain: one row per raw table. Measured at the run's moment, while `dbt source freshness` asks by the
-- clock of the wall; both read what the pack declares.
-- The last day is the last whole one; what is usual is the median of the days before it with rows.
with

source_days as (

    select * from {{ ref('source_days') }}

),

limits as (

    {{ raw_limits() }}

),

last_day as (

    select cast({{ dbt.dateadd('day', -1, as_of()) }} as date) as loaded_on

),

usual as (

    select
        source_days.source,
        source_days.raw_table,
        median(source_days.count_rows) as rows_usual,
        count(*) as count_days
    from source_days
    inner join limits
        on source_days.source = limits.source and source_days.raw_table = limits.raw_table
    inner join last_day
        on source_days.loaded_on < last_day.loaded_on
    where {{ dbt.datediff('source_days.loaded_on', 'last_day.loaded_on', 'day') }} <= limits.count_days
    group by source_days.source, source_days.raw_table

),

counted as (

    select
        source_days.source,
        source_days.raw_table,
        sum(source_days.count_rows) as count_rows,
        sum(source_days.rows_without_key) as rows_without_key,
        sum(case when source_days.loaded_on = last_day.loaded_on then source_days.count_rows else 0 end)
            as rows_last_day,
        max(source_days.newest_at) as newest_at
    from source_days
    cross join last_day
    group by source_days.source, source_days.raw_table

),

final as (

    select
        limits.source,
        limits.raw_table,
        cast(coalesce(counted.count_rows, 0) as {{ dbt.type_bigint() }}) as count_rows,
        cast(coalesce(counted.rows_without_key, 0) as {{ dbt.type_bigint() }}) as rows_without_key,
        counted.newest_at,
        limits.max_age_hours,
        coalesce(
            limits.max_age_hours is not null
            and (
                counted.newest_at is null
                or {{ dbt.datediff('counted.newest_at', as_of(), 'hour') }} > limits.max_age_hours
            ),
            false
        ) as is_late,
        cast(coalesce(counted.rows_last_day, 0) as {{ dbt.type_bigint() }}) as rows_last_day,
        cast(usual.rows_usual as decimal(18, 1)) as rows_usual,
        coalesce(
            usual.count_days >= 7
            and usual.rows_usual >= limits.at_least
            and (
                coalesce(counted.rows_last_day, 0) < limits.low * usual.rows_usual
                or coalesce(counted.rows_last_day, 0) > limits.high * usual.rows_usual
            ),
            false
        ) as is_unusual
    from limits
    left join counted
        on limits.source = counted.source and limits.raw_table = counted.raw_table
    left join usual
        on limits.source = usual.source and limits.raw_table = usual.raw_table

)

select * from final
