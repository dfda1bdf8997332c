-- Grain: one row per segment and day on which it was followed: how many people were in it after the
-- day's last run, and who came and went that day, by reason. A reason that is not in a column, as
-- the history of older versions has one, is in the sum alone.
{% set entries = ['definition_changed', 'merged', 'consent', 'event', 'profile', 'clock'] %}
{% set exits = ['erased'] + entries %}

with

segment_history as (

    select * from {{ ref('segment_history') }}

),

segment_runs as (

    select * from {{ ref('segment_runs') }}

),

changes as (

    select
        segment,
        cast(entered_at as date) as day,
        'entered' as kind,
        entered_reason as reason
    from segment_history

    union all

    select
        segment,
        cast(exited_at as date) as day,
        'exited' as kind,
        reason
    from segment_history
    where exited_at is not null

    union all

    select
        segment,
        cast(run_at as date) as day,
        'run' as kind,
        null as reason
    from segment_runs

),

counted as (

    select
        segment,
        day,
        {% for kind, reasons in {'entered': entries, 'exited': exits}.items() %}
            {% for reason in reasons %}
                count(case when kind = '{{ kind }}' and reason = '{{ reason }}' then 1 end)
                    as {{ kind }}_{{ reason }},
            {% endfor %}
        {% endfor %}
        count(case when kind = 'entered' then 1 end) as entered,
        count(case when kind = 'exited' then 1 end) as exited
    from changes
    group by segment, day

),

final as (

    select
        *,
        cast(sum(entered - exited) over (
            partition by segment
            order by day
            rows between unbounded preceding and current row
        ) as {{ dbt.type_bigint() }}) as members
    from counted

)

select * from final
