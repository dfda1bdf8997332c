{# The normaliser of every identifier type that a rule names, and of the default, as a mapping. #}
{% macro normalisers_of_types() %}
    {% set rules = var('identity_rules') %}
    {% set found = {} %}
    {% for type in (rules if rules is mapping else []) %}
        {% do found.update({type: normaliser_of(type)}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
