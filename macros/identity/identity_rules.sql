{# The rules of var `identity_rules` as a list of rows: identifier_type, priority, neighbour_type, max_neighbours.

   Every type has one row with neighbour_type 'any' (its degree limit, null for none) and one for each type that it
   names under shared_above. Stops with the place and the mend when the var says something that no rule means. #}
{% macro identity_rules() %}
    {% set rules = var('identity_rules') %}
    {% set known = ['priority', 'degree_limit', 'shared_above'] %}
    {% if rules is not mapping or 'default' not in rules %}
        {% do identity_rules_error('', 'needs a mapping of identifier types with one named default') %}
    {% endif %}
    {% set rows = [] %}
    {% for identifier_type, rule in rules.items() %}
        {% if rule is not mapping or rule.keys() | reject('in', known) | list or 'priority' not in rule %}
            {% do identity_rules_error(
                identifier_type, 'needs a priority and takes only ' ~ known | join(', ')
            ) %}
        {% endif %}
        {% set limits = {'any': rule.get('degree_limit')} %}
        {% do limits.update(rule.get('shared_above') or {}) %}
        {% for neighbour_type, limit in limits.items() %}
            {% if not (limit is integer and limit >= 0) and not (limit is none and neighbour_type == 'any') %}
                {% do identity_rules_error(
                    identifier_type, 'has a limit that is no whole number: ' ~ neighbour_type ~ ' ' ~ limit
                ) %}
            {% endif %}
            {% do rows.append({
                'identifier_type': identifier_type,
                'priority': rule['priority'] | int,
                'neighbour_type': neighbour_type,
                'max_neighbours': limit,
            }) %}
        {% endfor %}
    {% endfor %}
    {{ return(rows) }}
{% endmacro %}

{% macro identity_rules_error(identifier_type, problem) %}
    {% set place = 'dbt_project.yml, vars: identity_rules' ~ (': ' ~ identifier_type if identifier_type else '') %}
    {{ exceptions.raise_compiler_error(
        place ~ ' ' ~ problem ~ '. A rule reads: {priority: 90, degree_limit: 1000, shared_above: {user_id: 1}}'
    ) }}
{% endmacro %}
