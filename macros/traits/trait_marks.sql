{# The columns that events need before they are aggregated, as a list of steps, each a mapping of column to SQL. Empty
   where no trait needs any, which spares the warehouse to sort the events.

   A trait that has marks has its condition as a column, too. That of a session window needs steps of its own: where a
   session begins, and when the latest one began. #}
{% macro trait_marks(traits, per, moment) %}
    {% set steps = [] %}
    {% for name, trait in traits.items() if trait.marks or trait.window.kind == 'session' %}
        {% set is_match = '{trait}__is_match' %}
        {% set condition = trait_condition(trait) ~ in_window(trait.window, moment) %}
        {% set own = [] %}
        {% if trait.window.kind == 'session' %}
            {% set visited = trait_condition({'events': trait.events, 'where': none, 'carried': false}) %}
            {% do own.extend([
                {'{trait}__is_visit': 'case when ' ~ visited ~ ' then true else false end'},
                {'{trait}__visit_before': 'lag(occurred_at) over (partition by {per}, {trait}__is_visit'
                    ~ ' order by occurred_at, event_id)'},
                {'{trait}__session_at': 'max(case when ' ~ begins_session('{trait}__visit_before', trait.window.minutes)
                    ~ ' then occurred_at end) over (partition by {per}, {trait}__is_visit)'},
            ]) %}
            {% set condition = condition ~ ' and occurred_at >= {trait}__session_at' %}
        {% endif %}
        {% do own.append({is_match: 'case when ' ~ condition ~ ' then true else false end'}) %}
        {% do own.extend(trait.marks) %}
        {% set names = {'matches': is_match, 'per': per, 'moment': moment, 'trait': name} %}
        {% for own_step in own %}
            {% if loop.index > steps | length %}
                {% do steps.append({}) %}
            {% endif %}
            {% set step = steps[loop.index0] %}
            {% for column, expression in own_step.items() %}
                {% do step.update({fill(column, names): fill(expression, names)}) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {{ return(steps) }}
{% endmacro %}
