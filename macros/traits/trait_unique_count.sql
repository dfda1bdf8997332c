{# How many different values such events carry. #}
{% macro trait_unique_count(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'unique_count', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        absent='0',
        parts={'': 'count(distinct case when {matches} then ' ~ value ~ ' end)'},
        result='coalesce({trait}, 0)',
    )) }}
{% endmacro %}
