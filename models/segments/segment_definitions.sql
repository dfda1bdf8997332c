-- Grain: one row per segment that is followed: what its SQL is now, and was in its last run before
-- this one. It is read from the project's files, not from the warehouse.
{% set segments = var('segments') if execute else [] %}

with

definitions as (

    {% for segment in segments %}
    {% set definition = segment_definition(segment) %}
    select
        '{{ segment }}' as segment,
        '{{ definition.hash }}' as definition_hash,
        {{ definition.reads_events }} as reads_events,
        {{ definition.reads_consents }} as reads_consents,
        {{ definition.reads_profiles }} as reads_profiles,
        {{ definition.reentry.is_allowed }} as is_reentry_allowed,
        {{ definition.reentry.cool_off_days }} as cool_off_days
    {{- "\n\n    union all\n" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as definition_hash,
        false as reads_events,
        false as reads_consents,
        false as reads_profiles,
        true as is_reentry_allowed,
        0 as cool_off_days
    where false
    {% endfor %}

),

runs as (

    select
        segment,
        run_at,
        definition_hash,
        row_number() over (partition by segment order by run_at desc) as recency
    from {{ stored_state('segment_runs') }} as segment_runs
    where run_at < {{ as_of() }}

),

final as (

    select
        definitions.*,
        runs.run_at as previous_run_at,
        coalesce(runs.definition_hash <> definitions.definition_hash, true) as is_changed
    from definitions
    left join runs
        on
            definitions.segment = runs.segment
            and runs.recency = 1

)

select * from final
