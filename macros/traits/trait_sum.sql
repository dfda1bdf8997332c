{# The sum of a value over such events, 0 without any: trait_sum('order_completed', 'amount'). #}
{% macro trait_sum(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'sum', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        absent='0',
        parts={'': 'sum(case when {matches} then ' ~ value ~ ' end)'},
        result='cast(coalesce({trait}, 0) as decimal(18, 4))',
    )) }}
{% endmacro %}
