-- Grain: one row per raw table that says when its rows were loaded. Measured at the run's moment;
-- `dbt source freshness` asks by the clock of the wall. Both read what the pack declares.
-- The last day is the last whole one; usual is the median of the days before it that had rows.
with

source_days as (

    select * from {{ ref('source_days') }}

),

limits as (

    {{ raw_limits() }}

),

moment as (

    select
        {{ as_of() }} as as_of,
        cast({{ dbt.dateadd('day', -1, as_of()) }} as date) as last_day

),

days as (

    select
        limits.source,
        limits.raw_table,
        source_days.count_rows,
        source_days.rows_without_key,
        source_days.newest_at,
        source_days.loaded_on = moment.last_day as is_last_day,
        source_days.loaded_on < moment.last_day
        and source_days.loaded_on
        >= {{ dbt.dateadd('day', '-limits.count_days', 'moment.last_day') }} as is_before
    from limits
    cross join moment
    left join source_days
        on limits.source = source_days.source and limits.raw_table = source_days.raw_table

),

counted as (

    select
        source,
        raw_table,
        coalesce(sum(count_rows), 0) as count_rows,
        coalesce(sum(rows_without_key), 0) as rows_without_key,
        max(newest_at) as newest_at,
        coalesce(sum(case when is_last_day then count_rows end), 0) as rows_last_day,
        median(case when is_before then count_rows end) as rows_usual,
        count(case when is_before then 1 end) as count_days
    from days
    group by source, raw_table

),

final as (

    select
        counted.source,
        counted.raw_table,
        cast(counted.count_rows as bigint) as count_rows,
        cast(counted.rows_without_key as bigint) as rows_without_key,
        counted.newest_at,
        limits.max_age_hours,
        limits.max_age_hours is not null
        and coalesce(
            counted.newest_at
            < {{ dbt.dateadd('hour', '-limits.max_age_hours', 'moment.as_of') }},
            true
        ) as is_late,
        cast(counted.rows_last_day as bigint) as rows_last_day,
        cast(counted.rows_usual as decimal(18, 1)) as rows_usual,
        -- a week of days is the least that says what is usual
        counted.count_days >= 7
        and counted.rows_usual >= limits.at_least
        and coalesce(
            counted.rows_last_day < limits.low * counted.rows_usual
            or counted.rows_last_day > limits.high * counted.rows_usual,
            false
        ) as is_unusual
    from counted
    cross join moment
    inner join limits
        on counted.source = limits.source and counted.raw_table = limits.raw_table

)

select * from final
