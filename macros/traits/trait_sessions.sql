{# How many sessions such events make: after more than session_minutes without one, the next begins a new session. #}
{% macro trait_sessions(events, session_minutes=30, within_days=none, calendar=none, ago=0, where=none) %}
    {% set problems = [] %}
    {% if not is_whole_number(session_minutes) %}
        {% do problems.append('session_minutes must be a whole number above 0, not: ' ~ session_minutes) %}
        {% set session_minutes = 30 %}
    {% endif %}
    {{ return(trait_spec(
        'sessions', events,
        window=trait_window(within_days, calendar, ago, none),
        where=where,
        problems=problems,
        marks=[{'{trait}__previous_at':
            'lag(occurred_at) over (partition by {per}, {matches} order by occurred_at, event_id)'}],
        absent='0',
        parts={'': 'count(case when {matches} and ' ~ begins_session('{trait}__previous_at', session_minutes)
            ~ ' then 1 end)'},
        result='coalesce({trait}, 0)',
    )) }}
{% endmacro %}

{# Whether an event begins a session: none was before, or none for longer than so many minutes. #}
{% macro begins_session(previous_at, minutes) -%}
    ({{ previous_at }} is null or {{ previous_at }} < {{ add_time('minute', -minutes, 'occurred_at') }})
{%- endmacro %}
