{# Whether somebody who left a segment may come back, and after how many days, from meta.reentry of its model:
   {'is_allowed': true, 'cool_off_days': 30}. Without meta.reentry whoever left may come back at once. #}
{% macro reentry_rule(node) %}
    {% set given = node.config.meta.get('reentry') %}
    {% if given is none %}
        {{ return({'is_allowed': true, 'cool_off_days': 0}) }}
    {% elif given == 'never' %}
        {{ return({'is_allowed': false, 'cool_off_days': 0}) }}
    {% elif given is not mapping %}
        {% do refuse_reentry(node, 'meta.reentry', given, 'write `never`, or {allowed: true, cool_off_days: 30}') %}
    {% endif %}
    {% for key in given if key not in ['allowed', 'cool_off_days'] %}
        {% do refuse_reentry(node, 'meta.reentry.' ~ key, given[key], 'the keys are allowed and cool_off_days') %}
    {% endfor %}
    {% set allowed, days = given.get('allowed', true), given.get('cool_off_days', 0) %}
    {% if allowed is not boolean %}
        {% do refuse_reentry(node, 'meta.reentry.allowed', allowed, 'write true or false') %}
    {% elif days is boolean or days is not integer or days < 0 %}
        {% do refuse_reentry(node, 'meta.reentry.cool_off_days', days, 'write a whole number of days') %}
    {% elif not allowed and 'cool_off_days' in given %}
        {% do refuse_reentry(node, 'meta.reentry.cool_off_days', days, 'leave it out: nobody comes back at all') %}
    {% endif %}
    {{ return({'is_allowed': allowed, 'cool_off_days': days}) }}
{% endmacro %}

{% macro refuse_reentry(node, key, value, fix) %}
    {{ exceptions.raise_compiler_error(
        node.name ~ ': ' ~ key ~ ' is ' ~ value ~ '; ' ~ fix ~ ' (' ~ (node.patch_path or '').split('://')[-1] ~ ')'
    ) }}
{% endmacro %}
