{# The mean of a value over such events that carry it; null without any. To four places, halves away from zero. #}
{% macro trait_avg(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'avg', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        parts={
            'sum': 'sum(case when {matches} then ' ~ value ~ ' end)',
            'count': 'count(case when {matches} then ' ~ value ~ ' end)',
        },
        result=round_half_up('{trait}__sum / nullif({trait}__count, 0)', 4),
    )) }}
{% endmacro %}
