{# The aggregates that say when windows change by the clock, as a mapping of column to SQL: the first event that is in the
   window or is yet to enter it. Traits with one and the same window share a column. #}
{% macro trait_expiries(traits, moment) %}
    {% set expiries = {} %}
    {% for column, window in expiring_windows(traits).items() %}
        {% set conditions = [] %}
        {% set all_of = [] %}
        {% for trait in traits.values() if window_column(trait) == column and trait.where is none and not trait.carried %}
            {% do all_of.extend(trait.events) %}
        {% endfor %}
        {% if all_of %}
            {% do conditions.append(
                trait_condition({'events': all_of | unique | list, 'where': none, 'carried': false})
            ) %}
        {% endif %}
        {% for trait in traits.values() if window_column(trait) == column and trait.events | reject('in', all_of) | list %}
            {% do conditions.append(trait_condition(trait)) %}
        {% endfor %}
        {% set conditions = conditions | unique | list %}
        {% set any = conditions[0] if conditions | length == 1 else '(' ~ conditions | join(' or ') ~ ')' %}
        {% if window.kind == 'sliding' %}
            {% set in_time = in_window(window, moment) %}
        {% else %}
            {% set in_time = ' and occurred_at >= '
                ~ add_time(window.unit, -window.ago, start_of(window.unit, moment)) %}
        {% endif %}
        {% do expiries.update({column: 'min(case when ' ~ any ~ in_time ~ ' then occurred_at end)'}) %}
    {% endfor %}
    {{ return(expiries) }}
{% endmacro %}

{# The windows that change by the clock, without those of traits that know better themselves, by column. #}
{% macro expiring_windows(traits) %}
    {% set windows = {} %}
    {% for trait in traits.values() if window_column(trait) %}
        {% do windows.update({window_column(trait): trait.window}) %}
    {% endfor %}
    {{ return(windows) }}
{% endmacro %}

{# The column of a trait's window; none where the window does not change by the clock. #}
{% macro window_column(trait) %}
    {% if trait.expires is not none %}
        {{ return(none) }}
    {% elif trait.window.kind == 'sliding' %}
        {{ return('expires__' ~ trait.window.days ~ '_days') }}
    {% elif trait.window.kind == 'calendar' %}
        {{ return('expires__' ~ trait.window.unit ~ '_' ~ trait.window.ago) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}
