{# When the last such event was; null without any. #}
{% macro trait_last_at(events, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'last_at', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        parts={'': 'max(case when {matches} then occurred_at end)'},
        expires=[add_time('day', within_days, '{trait}')] if is_whole_number(within_days) else none,
    )) }}
{% endmacro %}
