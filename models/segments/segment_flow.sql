-- Grain: one row per week of the last twelve, segment that people were in when the week began and
-- segment that they are in at its end, or by now. 'none' stands for being in no segment. Who is in
-- several is counted in each pair, so counts do not add up to people.
with

segment_history as (

    select * from {{ ref('segment_history') }}

),

numbers as (

    {% for number in range(12) %}
        select {{ number }} as weeks_ago
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

starts as (

    select
        {{ dbt.dateadd('week', '-weeks_ago', dbt.date_trunc('week', as_of())) }} as began_at
    from numbers

),

weeks as (

    select
        began_at,
        least({{ dbt.dateadd('week', 1, 'began_at') }}, {{ as_of() }}) as ended_at
    from starts
    where
        began_at < {{ as_of() }}
        and {{ dbt.dateadd('week', 1, 'began_at') }} > (
            select min(segment_history.entered_at) from segment_history
        )

),

before as (

    select
        weeks.began_at,
        segment_history.profile_id,
        segment_history.segment
    from weeks
    inner join segment_history
        on
            weeks.began_at >= segment_history.entered_at
            and weeks.began_at < coalesce(segment_history.exited_at, {{ as_of() }})

),

after as (

    select
        weeks.began_at,
        segment_history.profile_id,
        segment_history.segment
    from weeks
    inner join segment_history
        on
            weeks.ended_at >= segment_history.entered_at
            and (weeks.ended_at < segment_history.exited_at or segment_history.exited_at is null)

),

flows as (

    select
        coalesce(before.began_at, after.began_at) as began_at,
        coalesce(before.segment, 'none') as from_segment,
        coalesce(after.segment, 'none') as to_segment
    from before
    full outer join after
        on
            before.began_at = after.began_at
            and before.profile_id = after.profile_id

),

final as (

    select
        cast(began_at as date) as week,
        from_segment,
        to_segment,
        count(*) as people
    from flows
    group by 1, 2, 3

)

select * from final
