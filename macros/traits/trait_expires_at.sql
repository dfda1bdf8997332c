{# From when on any of the traits may be wrong even if nothing happens; null when nothing makes them so.

   An event leaves a sliding window that many days later. An event of k calendar periods back enters a window of `ago`
   periods back when its own period lies that far back, and leaves it with the period after: so the first of them moves
   then, or with the next period if it is in the window already. #}
{% macro trait_expires_at(traits, moment) %}
    {% set moments = [] %}
    {% for column, window in expiring_windows(traits).items() %}
        {% set first_at = 'aggregated.' ~ column %}
        {% if window.kind == 'sliding' %}
            {% do moments.append(add_time('day', window.days, first_at)) %}
        {% else %}
            {% set enters_at = add_time(window.unit, window.ago, start_of(window.unit, first_at)) %}
            {% set next_period = add_time(window.unit, 1, start_of(window.unit, moment)) %}
            {% do moments.append(
                'case when ' ~ first_at ~ ' is not null then greatest(' ~ enters_at ~ ', ' ~ next_period ~ ') end'
            ) %}
        {% endif %}
    {% endfor %}
    {% for name, trait in traits.items() %}
        {% for template in trait.expires or [] %}
            {% do moments.append(fill(template, {'trait': 'aggregated.' ~ name, 'moment': moment})) %}
        {% endfor %}
    {% endfor %}
    {{ return(earliest(moments)) }}
{% endmacro %}
