{# When the first such event was; null without any. #}
{% macro trait_first_at(events, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'first_at', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        parts={'': 'min(case when {matches} then occurred_at end)'},
    )) }}
{% endmacro %}
