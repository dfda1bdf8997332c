{# Whether there is such an event: true or false, never null. #}
{% macro trait_exists(events, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'exists', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        absent='false',
        parts={'last_at': 'max(case when {matches} then occurred_at end)'},
        result='{trait}__last_at is not null',
        expires=[add_time('day', within_days, '{trait}__last_at')] if is_whole_number(within_days) else none,
    )) }}
{% endmacro %}
