{# Var `identity_probable` as a mapping with every setting filled in: enabled, threshold, review_from, compare,
   max_records, max_pairs. Stops, with every problem and the mend, when the var says something that it cannot mean. #}
{% macro identity_probable() %}
    {% set given = var('identity_probable') %}
    {% set kinds = ['name', 'text', 'date', 'email', 'phone'] %}
    {% set settings = {
        'enabled': false, 'threshold': 0.95, 'review_from': 0.5, 'max_records': 2000000, 'max_pairs': 100000000,
        'compare': {
            'first_name': 'name', 'last_name': 'name', 'birth_date': 'date', 'postal_code': 'text', 'city': 'text',
            'email': 'email', 'phone': 'phone',
        },
    } %}
    {% set problems = [] %}
    {% if given is not mapping %}
        {% do problems.append('it needs a mapping of settings') %}
    {% else %}
        {% for name in given.keys() if name not in settings %}
            {% do problems.append('there is no setting ' ~ name ~ ', only ' ~ settings.keys() | join(', ')) %}
        {% endfor %}
        {% do settings.update(given) %}
    {% endif %}
    {% if settings['enabled'] is not boolean %}
        {% do problems.append('enabled is true or false, not ' ~ settings['enabled']) %}
    {% endif %}
    {% set shares = [settings['review_from'], settings['threshold']] %}
    {% if shares | reject('number') | list or shares | select('boolean') | list
          or not 0 < shares[0] <= shares[1] <= 1 %}
        {% do problems.append(
            'review_from and threshold are probabilities, 0 < review_from <= threshold <= 1, not ' ~ shares | join(' and ')
        ) %}
    {% endif %}
    {% for name in ['max_records', 'max_pairs'] if settings[name] is not integer or settings[name] < 1 %}
        {% do problems.append(name ~ ' is a whole number above 0, not ' ~ settings[name]) %}
    {% endfor %}
    {% set compare = settings['compare'] if settings['compare'] is mapping else {} %}
    {% for attribute, kind in compare.items() if kind not in kinds or not modules.re.match('[a-z][a-z0-9_]*$', attribute) %}
        {% do problems.append('compare has ' ~ attribute ~ ': ' ~ kind ~ '; a kind is one of ' ~ kinds | join(', ')) %}
    {% endfor %}
    {% if compare | length < 3 %}
        {% do problems.append('compare needs at least three attributes, or two records cannot be told apart') %}
    {% endif %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: identity_probable: ' ~ problems | join('; ')
            ~ '. It reads: {enabled: true, threshold: 0.95, review_from: 0.5, compare: {first_name: name, email: email, …}}'
        ) }}
    {% endif %}
    {{ return(settings) }}
{% endmacro %}
