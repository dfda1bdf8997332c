{# By how much such events, or the sum of their value, grow from one period to the next: the slope of a straight line
   through the totals of the last full calendar periods. A period without any counts as 0. Per period, to four places.

   The slope is the sum of (x - mean of x) * total over the sum of (x - mean of x) squared, which is n(n² - 1) / 12. As
   each event adds to one total, it is a sum over events. Twice x is used, so that the weights are whole numbers. #}
{% macro trait_trend(events, period='month', periods=6, value=none, where=none) %}
    {% set problems = [] %}
    {% if period not in ['day', 'week', 'month', 'quarter'] %}
        {% do problems.append('period must be day, week, month or quarter, not: ' ~ period) %}
    {% endif %}
    {% if not is_whole_number(periods, least=2) %}
        {% do problems.append('periods must be a whole number above 1, not: ' ~ periods) %}
        {% set periods = 2 %}
    {% endif %}
    {% set this_period = start_of(period, '{moment}') %}
    {% set first = add_time(period, -periods, this_period) %}
    {% set weight = '(2 * ' ~ periods_between(period, first, 'occurred_at') ~ ' - ' ~ (periods - 1) ~ ')' %}
    {% set slope = 'coalesce({trait}__weighted, 0) * 6.0 / ' ~ periods * (periods * periods - 1) %}
    {{ return(trait_spec(
        'trend', events,
        where=where,
        value=value,
        takes_value=value is not none,
        problems=problems,
        absent='0',
        parts={
            'weighted': 'sum(case when {matches} and occurred_at >= ' ~ first ~ ' and occurred_at < ' ~ this_period
                ~ ' then ' ~ (weight if value is none else weight ~ ' * (' ~ value ~ ')') ~ ' end)',
            'last_at': 'max(case when {matches} and occurred_at >= ' ~ first ~ ' then occurred_at end)',
        },
        result=round_half_up(slope, 4),
        expires=['case when {trait}__last_at is not null then ' ~ add_time(period, 1, this_period) ~ ' end'],
    )) }}
{% endmacro %}
