-- Grain: one row per segment and person who fits its definition at the run's moment. The variable
-- `segments` is the one list of what is followed; every name in it is a model seg_<name>. Who may
-- not come back yet is here, and not in segment_memberships.
{% set segments = var('segments') %}
{% for segment in segments if segments.count(segment) > 1 %}
    {{ exceptions.raise_compiler_error("the variable segments names '" ~ segment ~ "' twice") }}
{% endfor %}
{% do check_segments(segments) %}

with

{% for segment in segments %}
{{ segment }} as (

    select
        '{{ segment }}' as segment,
        profile_id
    from {{ ref('seg_' ~ segment) }}

),

{% endfor %}
final as (

    {% for segment in segments %}
    select * from {{ segment }}
    {{- "\n\n    union all\n" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as profile_id
    where false
    {% endfor %}

)

select * from final
