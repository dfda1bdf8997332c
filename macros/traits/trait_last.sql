{# A value as of the last such event that carries it; null without any. Of events at one time, the one with the largest
   event_id is last. #}
{% macro trait_last(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'last', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        carried=true,
        parts={'': value_of_last(value, '{matches}')},
    )) }}
{% endmacro %}
