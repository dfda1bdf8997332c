{# The stays that end in a run, for segment_history: of people who are no longer members. What became of the person comes
   before anything that made the definition hold no longer. #}
{% macro segment_exits() %}
select
    open_stays.segment,
    open_stays.profile_id,
    open_stays.entered_at,
    {{ as_of() }} as exited_at,
    coalesce(departures.reason, {{ change_reason() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as entered_reason
from open_stays
left join members
    on open_stays.segment = members.segment and open_stays.profile_id = members.profile_id
left join definitions
    on open_stays.segment = definitions.segment
left join departures
    on open_stays.profile_id = departures.profile_id
left join timelines
    on open_stays.profile_id = timelines.profile_id
left join changes_of
    on open_stays.profile_id = changes_of.profile_id
where members.profile_id is null
{% endmacro %}

{# What segment_history reads of itself while there is none. #}
{% macro no_stays() -%}
(
    select
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as profile_id,
        cast(null as {{ dbt.type_timestamp() }}) as entered_at,
        cast(null as {{ dbt.type_timestamp() }}) as exited_at,
        cast(null as {{ dbt.type_string() }}) as reason
    where false
)
{%- endmacro %}
