{# The aggregates that traits are made of, as a mapping of column to SQL. #}
{% macro trait_aggregates(traits, moment) %}
    {% set aggregates = {} %}
    {% for name, trait in traits.items() %}
        {% if trait.marks or trait.window.kind == 'session' %}
            {% set matches = name ~ '__is_match' %}
        {% else %}
            {% set matches = trait_condition(trait) ~ in_window(trait.window, moment) %}
        {% endif %}
        {% for suffix, template in trait.parts.items() %}
            {% do aggregates.update({
                name ~ ('__' if suffix else '') ~ suffix:
                    fill(template, {'matches': matches, 'moment': moment, 'trait': name}),
            }) %}
        {% endfor %}
    {% endfor %}
    {{ return(aggregates) }}
{% endmacro %}
