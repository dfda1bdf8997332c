{# The rules of var `identity_rules` as a list of rows: identifier_type, priority, neighbour_type, max_neighbours.

   Every type has one row with neighbour_type 'any' (its degree limit, null for none) and one for each type that it
   names under shared_above. Stops, with every place and the mend, when the var says something that no rule means. #}
{% macro identity_rules() %}
    {% set rules = var('identity_rules') %}
    {% set known = ['priority', 'degree_limit', 'shared_above'] %}
    {% set rows = [] %}
    {% set problems = [] %}
    {% if rules is not mapping or 'default' not in rules %}
        {% do problems.append('it needs a mapping of identifier types with one named default') %}
    {% endif %}
    {% for identifier_type, rule in (rules.items() if rules is mapping else []) %}
        {% if rule is not mapping or rule.get('priority') is not integer %}
            {% do problems.append(identifier_type ~ ' needs a priority, a whole number') %}
        {% elif rule.keys() | reject('in', known) | list %}
            {% do problems.append(identifier_type ~ ' takes only ' ~ known | join(', ')) %}
        {% else %}
            {% set limits = {'any': rule.get('degree_limit')} %}
            {% do limits.update(rule.get('shared_above') or {}) %}
            {% for neighbour_type, limit in limits.items() %}
                {% if limit is not integer and not (limit is none and neighbour_type == 'any') %}
                    {% do problems.append(
                        identifier_type ~ ' has a limit that is no whole number: ' ~ neighbour_type ~ ' ' ~ limit
                    ) %}
                {% endif %}
                {% do rows.append({
                    'identifier_type': identifier_type,
                    'priority': rule['priority'],
                    'neighbour_type': neighbour_type,
                    'max_neighbours': limit,
                }) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: identity_rules: ' ~ problems | join('; ')
            ~ '. A rule reads: {priority: 90, degree_limit: 1000, shared_above: {user_id: 1}}'
        ) }}
    {% endif %}
    {{ return(rows) }}
{% endmacro %}
