{# In how many days, weeks or months in a row there was such an event; 0 without any.

   which='current' is the streak that still runs: its last period is the current one, or the one before, as the current
   one is not over. which='longest' is the longest ever. Periods are those of the calendar, in UTC. #}
{% macro trait_streak(events, period='day', which='current', where=none) %}
    {% set problems = [] %}
    {% if period not in ['day', 'week', 'month'] %}
        {% do problems.append('period must be day, week or month, not: ' ~ period) %}
    {% endif %}
    {% if which not in ['current', 'longest'] %}
        {% do problems.append('which must be current or longest, not: ' ~ which) %}
    {% endif %}
    {% set in_order = '(partition by {per}, {matches} order by occurred_at, event_id' %}
    {% set length = periods_between(period, '{trait}__began_at', 'occurred_at') ~ ' + 1' %}
    {% set last, began = '{trait}__last_at', '{trait}__began_at' %}
    {% set runs = 'case when ' ~ periods_between(period, last, '{moment}') ~ ' <= 1 then ' %}
    {{ return(trait_spec(
        'streak', events,
        where=where,
        problems=problems,
        marks=[
            {'{trait}__previous_at': 'lag(occurred_at) over ' ~ in_order ~ ')'},
            {'{trait}__began_at': 'max(case when {trait}__previous_at is null or '
                ~ periods_between(period, '{trait}__previous_at', 'occurred_at') ~ ' > 1 then occurred_at end) over '
                ~ in_order ~ ' rows between unbounded preceding and current row)'},
        ],
        absent='0',
        parts={
            'began_at': 'max(case when {matches} then {trait}__began_at end)',
            'last_at': 'max(case when {matches} then occurred_at end)',
        } if which == 'current' else {'': 'max(case when {matches} then ' ~ length ~ ' end)'},
        result=runs ~ periods_between(period, began, last) ~ ' + 1 else 0 end' if which == 'current'
            else 'coalesce({trait}, 0)',
        expires=[runs ~ add_time(period, 2, start_of(period, last)) ~ ' end'] if which == 'current' else [],
    )) }}
{% endmacro %}
