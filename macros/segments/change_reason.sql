{# Why a person entered or left a segment, where nothing has become of the person: the first that holds of a changed
   definition, a consent, an event and an attribute that are new since the segment's last run; else it was the clock.

   It reads `definitions` (segment_definitions), `timelines` (profile_timelines) and `changes_of` (profile_changes). #}
{% macro change_reason() -%}
    case
        when definitions.segment is null or definitions.is_changed then 'definition_changed'
        when
            definitions.reads_consents
            and changes_of.consents_changed_at > definitions.previous_run_at
            then 'consent'
        when
            definitions.reads_events
            and timelines.changed_at > definitions.previous_run_at
            then 'event'
        when
            definitions.reads_profiles
            and changes_of.attributes_changed_at > definitions.previous_run_at
            then 'profile'
        else 'clock'
    end
{%- endmacro %}
