{# A value as of the first such event that carries it; null without any. Of events at one time, the one with the smallest
   event_id is first. #}
{% macro trait_first(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'first', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        carried=true,
        parts={'': value_of_first(value, '{matches}')},
    )) }}
{% endmacro %}
