{# How many whole days ago the last such event was, of 24 hours each; null without any. So `days_since < 90` says what
   within_days=90 says. #}
{% macro trait_days_since(events, where=none) %}
    {% set days = whole_days('{trait}__last_at', '{moment}') %}
    {{ return(trait_spec(
        'days_since', events,
        where=where,
        parts={'last_at': 'max(case when {matches} then occurred_at end)'},
        result=days,
        expires=[add_time('day', days ~ ' + 1', '{trait}__last_at')],
    )) }}
{% endmacro %}
