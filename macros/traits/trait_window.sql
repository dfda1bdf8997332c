{# Which events count by their time, as a mapping: all of them (lifetime), those of the last days (sliding), of a calendar
   period, the current one or one `ago` (calendar), or of the latest session, which ends where nothing happened for
   longer than so many minutes (session). #}
{% macro trait_window(within_days, calendar, ago, session_minutes) %}
    {% set units = ['day', 'week', 'month', 'quarter', 'year'] %}
    {% set problems = [] %}
    {% if [within_days, calendar, session_minutes] | reject('none') | list | length > 1 %}
        {% do problems.append('a trait has one window: within_days, calendar or session_minutes') %}
    {% endif %}
    {% if within_days is not none and not is_whole_number(within_days) %}
        {% do problems.append('within_days must be a whole number above 0, not: ' ~ within_days) %}
    {% endif %}
    {% if session_minutes is not none and not is_whole_number(session_minutes) %}
        {% do problems.append('session_minutes must be a whole number above 0, not: ' ~ session_minutes) %}
    {% endif %}
    {% if calendar is not none and calendar not in units %}
        {% do problems.append('calendar must be one of ' ~ units | join(', ') ~ ', not: ' ~ calendar) %}
    {% endif %}
    {% if not is_whole_number(ago, least=0) %}
        {% do problems.append('ago must be a whole number, 0 for the current period, not: ' ~ ago) %}
    {% elif ago and calendar is none %}
        {% do problems.append('ago goes with calendar: calendar=\'month\', ago=1 is the last full month') %}
    {% endif %}
    {% if within_days is not none %}
        {% set window = {'kind': 'sliding', 'days': within_days} %}
    {% elif calendar is not none %}
        {% set window = {'kind': 'calendar', 'unit': calendar, 'ago': ago} %}
    {% elif session_minutes is not none %}
        {% set window = {'kind': 'session', 'minutes': session_minutes} %}
    {% else %}
        {% set window = {'kind': 'lifetime'} %}
    {% endif %}
    {% do window.update({'problems': problems}) %}
    {{ return(window) }}
{% endmacro %}

{# Whether a setting is a whole number of at least 1, or another least. #}
{% macro is_whole_number(setting, least=1) %}
    {{ return(setting is integer and setting is not boolean and setting >= least) }}
{% endmacro %}
