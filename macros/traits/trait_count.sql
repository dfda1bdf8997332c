{# How many such events: trait_count('order_completed', within_days=90). #}
{% macro trait_count(events, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'count', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        absent='0',
        parts={'': 'count(case when {matches} then 1 end)'},
        result='coalesce({trait}, 0)',
    )) }}
{% endmacro %}
