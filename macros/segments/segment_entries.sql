{# The stays that begin in a run, for segment_history: of members who have none open, and may be in the segment. Whoever
   left may be so again as meta.reentry says, counted from the last exit of whichever profile is part of the person now.
   Nobody left who was put out by a new definition. #}
{% macro segment_entries() %}
with last_exits as (

    select
        closed_stays.segment,
        coalesce(aliases.profile_id, closed_stays.profile_id) as profile_id,
        max(closed_stays.exited_at) as exited_at
    from closed_stays
    left join aliases
        on closed_stays.profile_id = aliases.former_profile_id
    where closed_stays.reason <> 'definition_changed'
    group by 1, 2

),

-- a profile that is part of the person now, and was in the segment until this run
taken_over as (

    select distinct
        open_stays.segment,
        aliases.profile_id
    from open_stays
    inner join aliases
        on open_stays.profile_id = aliases.former_profile_id

)

select
    members.segment,
    members.profile_id,
    {{ as_of() }} as entered_at,
    cast(null as {{ dbt.type_timestamp() }}) as exited_at,
    cast(null as {{ dbt.type_string() }}) as reason,
    case
        when taken_over.profile_id is not null then 'merged'
        else {{ change_reason() }}
    end as entered_reason
from members
inner join definitions
    on members.segment = definitions.segment
left join open_stays
    on members.segment = open_stays.segment and members.profile_id = open_stays.profile_id
left join last_exits
    on members.segment = last_exits.segment and members.profile_id = last_exits.profile_id
left join taken_over
    on members.segment = taken_over.segment and members.profile_id = taken_over.profile_id
left join timelines
    on members.profile_id = timelines.profile_id
left join changes_of
    on members.profile_id = changes_of.profile_id
where
    open_stays.profile_id is null
    and (
        last_exits.profile_id is null
        or (
            definitions.is_reentry_allowed
            and {{ dbt.dateadd('day', 'definitions.cool_off_days', 'last_exits.exited_at') }} <= {{ as_of() }}
        )
    )
{% endmacro %}
