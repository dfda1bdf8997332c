{# The rules of var `identity_rules` as a list of rows: identifier_type, normaliser, priority, max_per_person,
   neighbour_type, max_neighbours.

   Every type has one row with neighbour_type 'any' (its degree limit, null for none) and one for each type that it
   names under shared_above; the rest is the same on all rows of a type. Stops, with every place and the mend, when the
   var says something that no rule means. #}
{% macro identity_rules() %}
    {% set rules = var('identity_rules') %}
    {% set known = ['normaliser', 'priority', 'limit', 'degree_limit', 'shared_above'] %}
    {% set rows, problems = [], [] %}
    {% if rules is not mapping or 'default' not in rules %}
        {% do problems.append('it needs a mapping of identifier types with one named default') %}
    {% endif %}
    {% for identifier_type, rule in (rules.items() if rules is mapping else []) %}
        {% if rule is not mapping or rule.get('priority') is not integer %}
            {% do problems.append(identifier_type ~ ' needs a priority, a whole number') %}
        {% endif %}
        {% set rule = rule if rule is mapping else {} %}
        {% if rule.keys() | reject('in', known) | list %}
            {% do problems.append(identifier_type ~ ' takes only ' ~ known | join(', ')) %}
        {% endif %}
        {% if (rule.get('normaliser') or 'text') not in normalisers() %}
            {% do problems.append(
                identifier_type ~ ' has the normaliser ' ~ rule['normaliser'] ~ '; there are ' ~ normalisers() | join(', ')
            ) %}
        {% endif %}
        {% set limit = rule.get('limit') %}
        {% if limit is not none and (limit is not integer or limit < 1) %}
            {% do problems.append(identifier_type ~ ' has a limit per person that is no whole number above 0: ' ~ limit) %}
        {% endif %}
        {% set shared_above = rule.get('shared_above') or {} %}
        {% if shared_above is not mapping %}
            {% do problems.append(identifier_type ~ ' needs a mapping of types to whole numbers under shared_above') %}
            {% set shared_above = {} %}
        {% elif 'any' in shared_above %}
            {% do problems.append(identifier_type ~ ' counts any under shared_above: that is its degree_limit') %}
        {% endif %}
        {% for neighbour_type, limit in [('any', rule.get('degree_limit'))] + shared_above.items() | list %}
            {% if limit is not integer and not (limit is none and neighbour_type == 'any') %}
                {% do problems.append(
                    identifier_type ~ ' has a limit that is no whole number: ' ~ neighbour_type ~ ' ' ~ limit
                ) %}
            {% endif %}
            {% do rows.append({
                'identifier_type': identifier_type,
                'normaliser': normaliser_of(identifier_type, rules if rules is mapping else {}),
                'priority': rule.get('priority'),
                'max_per_person': rule.get('limit'),
                'neighbour_type': neighbour_type,
                'max_neighbours': limit,
            }) %}
        {% endfor %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: identity_rules: ' ~ problems | join('; ')
            ~ '. A rule reads: {normaliser: email, priority: 30, limit: 5, degree_limit: 1000, shared_above: {user_id: 1}}'
        ) }}
    {% endif %}
    {{ return(rows) }}
{% endmacro %}
