{# The smallest value of such events; null without any that carries it. #}
{% macro trait_min(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'min', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        parts={'': 'min(case when {matches} then ' ~ value ~ ' end)'},
    )) }}
{% endmacro %}
